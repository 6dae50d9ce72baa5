"""Score predictions that any program wrote; see conf/score.yaml for what can be chosen."""

from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def score(cfg: DictConfig) -> float:
    """Score a folder of predictions on a split, write scores and report, and return the mIoU."""
    from atrous import predictions
    from atrous.results import publish

    build.require_options(cfg)
    build.require_whole_split(cfg)
    folder, output = Path(cfg.predictions), Path(cfg.paths.output)
    predictions.require_apart(folder, output)
    layout = build.layout(cfg)
    pairs = build.pairs(cfg, layout, ("test",))["test"]
    found = predictions.find(pairs, folder, cfg.ending, cfg.allow_missing)
    evaluation = predictions.score(found, layout, output, cfg.raw_ids, cfg.boundary_width)
    about = {
        "split": cfg.split,
        "predictions": str(build.shown(cfg)["predictions"]),
        "num_missing": len(pairs) - len(found),
    }
    picture = predictions.picture_reader(output, pairs, layout)
    publish(output, evaluation, about, build.as_yaml(build.written(cfg)), picture, cfg.pictures)
    return float(evaluation.scores()["miou"])
