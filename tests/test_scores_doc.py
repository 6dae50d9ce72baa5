"""docs/scores.md lists the entries of scores.json: all of them, and no other."""

import re

import numpy as np
from conftest import CHECKOUT

from atrous.data.layouts.cityscapes import LABEL_SETS
from atrous.labels import label_set
from atrous.metrics.counts import count_picture
from atrous.metrics.evaluation import Evaluation
from atrous.report.tables import write_scores

ABOUT = {
    "split",
    "checkpoint",
    "step",
    "weights",
    "inference",
    "costs",
    "predictions",
    "num_missing",
}  # of the commands


def documented():
    section = (
        (CHECKOUT / "docs" / "scores.md").read_text().partition("## scores.json")[2].partition("\n## ")[0]
    )
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}


def entries(labels, folder, **options):
    truth = np.arange(12, dtype=np.uint8).reshape(3, 4) % labels.num_classes
    counted = [count_picture(name, truth, truth, labels, **options) for name in ("a", "b")]
    return set(write_scores(folder, Evaluation.of(counted, labels), {}))


def test_every_entry_is_documented_and_exists(tmp_path):
    sure = np.ones((3, 4), np.float32)
    full = entries(LABEL_SETS[19], tmp_path, confidence=sure, objects=np.zeros((3, 4), np.int32))
    binary = entries(label_set("two", ["ground", "object"]), tmp_path)
    renamed = {re.sub("^(dice|iou)_object$", r"\1_<object>", name) for name in full | binary}
    assert renamed | ABOUT == documented()
