"""Score predictions that any program wrote; see conf/score.yaml for what can be chosen."""

from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def score(cfg: DictConfig) -> float:
    """Score a folder of predictions on a split, write scores and report, and return the mIoU."""
    from atrous.predictions import find_predictions, picture_reader, score_predictions
    from atrous.results import publish

    layout = build.layout(cfg)
    pairs = build.pairs(cfg, layout, ("test",))["test"]
    found = find_predictions(pairs, Path(cfg.predictions), cfg.ending, cfg.allow_missing)
    output = Path(cfg.paths.output)
    evaluation = score_predictions(found, layout, output, cfg.raw_ids, cfg.boundary_width)
    about = {
        "split": cfg.split,
        "predictions": str(cfg.predictions),
        "num_missing": len(pairs) - len(found),
    }
    config = build.as_yaml(build.plain(cfg))
    publish(output, evaluation, about, config, picture_reader(output, pairs, layout), cfg.pictures)
    return float(evaluation.scores()["miou"])
