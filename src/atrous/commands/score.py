"""Score predictions that any program wrote; see conf/score.yaml for what can be chosen."""

from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def score(cfg: DictConfig) -> float:
    """Score a folder of predictions on a split, write scores and report, and return the mIoU."""
    from atrous import results
    from atrous.callbacks.progress import track

    layout = build.layout(cfg)
    cfg.data.splits.test = cfg.split
    pairs = build.pairs(cfg, layout, ("test",))["test"]
    found = results.find_predictions(pairs, Path(cfg.predictions), cfg.ending, cfg.allow_missing)
    output = Path(cfg.output)
    evaluation = results.score_predictions(found, layout, output, cfg.raw_ids, cfg.boundary_width, track)
    about = {
        "split": cfg.split,
        "predictions": str(cfg.predictions),
        "num_missing": len(pairs) - len(found),
    }
    results.publish(output, evaluation, list(found), layout, about, build.plain(cfg), cfg.pictures)
    return float(evaluation.scores()["miou"])
