"""Predict pictures or a video; see conf/predict.yaml for what can be chosen."""

import json
from dataclasses import asdict
from pathlib import Path

from omegaconf import DictConfig

from atrous import build


def predict(cfg: DictConfig) -> None:
    """Write what a checkpoint predicts of every picture, or of a video, and predictions.json about it.

    Raises ValueError: some pictures could not be read; the others are written all the same.
    """
    build.require_prediction(cfg)
    output = Path(cfg.paths.output)

    from atrous import checkpoint
    from atrous.prediction.inputs import find_pictures, is_video
    from atrous.prediction.pictures import predict_pictures
    from atrous.prediction.video import predict_video

    video = is_video(cfg.input)
    found = [] if video else find_pictures(cfg.input)
    writers = build.writers(cfg)
    stored = checkpoint.read(cfg.checkpoint, cfg.weights)
    predictor = build.predictor(stored, cfg.device, cfg.inference, cfg.windows_above, cfg.allow)
    shown = build.shown(cfg)
    about = {
        "checkpoint": str(shown["checkpoint"]),
        "step": stored.step,
        "weights": stored.weights,
        "device": str(predictor.device),
        "inference": asdict(predictor.module.inference),
        "classes": list(stored.labels.classes),
    }
    if video:
        chosen = writers if cfg.frames else []
        said, unreadable = predict_video(
            predictor, cfg.input, chosen, output, cfg.batch_size, cfg.opacity, cfg.seconds, shown["input"]
        )
    else:
        said, unreadable = predict_pictures(predictor, found, writers, output, cfg.batch_size)
    content = {**about, "pictures": said, "unreadable": unreadable}
    (output / build.PREDICTED).write_text(json.dumps(content, indent=2) + "\n")
    if unreadable:
        raise ValueError(
            f"{len(unreadable)} of {len(said) + len(unreadable)} inputs were not predicted to their end; "
            f"{Path(cfg.output, build.PREDICTED)} lists them, the first: {unreadable[0]['reason']}"
        )
    print(f"{len(said)} predicted with the {stored.weights} weights, in {cfg.output}")
