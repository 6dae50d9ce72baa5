"""Evaluations on disk as evaluate leaves them, of invented predictions."""

import json
from pathlib import Path

import numpy as np
import yaml

from atrous.labels import label_set
from atrous.metrics.counts import count_picture
from atrous.metrics.evaluation import Evaluation
from atrous.report.tables import write_scores

LABELS = label_set("mine", ["ground", "left", "right", "rare"])
SIZE = (12, 16)
TRAINING = {
    "seed": 0,
    "paths": {"output": "${hydra:runtime.output_dir}"},
    "model": {"encoder": "resnet18", "net": {"_target_": "atrous.models.smp.segmentation"}},
    "optimizer": {"lr": 0.1, "algorithm": {"_target_": "torch.optim.AdamW"}},
    "logger": {"csv": {"save_dir": "${paths.output}"}},
}


def truth_of(name, labels=LABELS):
    """uint8 (H, W); class "rare" is in two pictures alone."""
    rng = np.random.default_rng([ord(letter) for letter in name])
    truth = rng.choice([0, 1, 2, 255], SIZE, p=[0.5, 0.3, 0.1, 0.1]).astype(np.uint8)
    if name in ("p0", "p1"):
        truth[:2, :4] = 3
    return np.where(truth < labels.num_classes, truth, 255).astype(np.uint8)


def predicted(name, seed, skill, labels=LABELS):
    """Right with a probability of ``skill``, by chance else."""
    truth = truth_of(name, labels)
    rng = np.random.default_rng([seed, *(ord(letter) for letter in name)])
    return np.where(rng.random(SIZE) < skill, truth, rng.integers(0, 3, SIZE)).astype(np.uint8)


def evaluation(seed=0, skill=0.6, names=range(12), labels=LABELS, width=0.02):
    """Of pictures p0, p1, ..."""
    pictures = [
        count_picture(name, truth_of(name, labels), predicted(name, seed, skill, labels), labels, width)
        for name in (f"p{index}" for index in names)
    ]
    return Evaluation.of(pictures, labels, width)


def write(folder, training=None, about=None, **options):
    """An evaluation in ``folder``, with the training's config if it is given."""
    write_scores(folder, evaluation(**options), {"split": "test", **(about or {})})
    config = {"data": {"splits": {"test": "test"}}, **({"training": training} if training else {})}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def write_run(folder: Path, *, name="evaluate-test-last", seed=0, changes=None, **options) -> Path:
    """A run folder with a validation and an evaluation.  changes: of the training's config, by dotted key."""
    training = json.loads(json.dumps(TRAINING)) | {"seed": seed}
    for key, value in (changes or {}).items():
        *groups, last = key.split(".")
        place = training
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    about = {"checkpoint": f"{folder}/last.ckpt", "step": 10, "inference": {"flip": False}}
    write(folder / name, training, about, seed=seed, **options)
    write_scores(folder / "validation", evaluation(seed), {"step": 10})
    (folder / "config.yaml").write_text(yaml.safe_dump(training))
    return folder
