"""Scores as scores.json (docs/scores.md lists its entries), as confusion.csv, and as a printed table."""

import csv
import functools
import json
import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from atrous.metrics.evaluation import Evaluation
from atrous.report.page import percent

FORMAT = 1
SCORES, COUNTS, CONFUSION = "scores.json", "counts.npz", "confusion.csv"
LIBRARIES = (
    "atrous",
    "lightning",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "scipy",
    "segmentation-models-pytorch",
    "timm",
    "torch",
    "torchmetrics",
    "torchvision",
)
NO_CLASS = "(no class)"


def write_scores(folder: Path, evaluation: Evaluation, about: Mapping[str, Any]) -> dict[str, Any]:
    """scores.json, confusion.csv and counts.npz in ``folder``; what stands in the first is returned.

    about: further entries of scores.json: what was scored, and how.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "format": FORMAT,
        **about,
        "label_set": evaluation.labels.name,
        "num_pictures": evaluation.num_pictures,
        "num_pixels": int(evaluation.total[:-1].sum()),
        "num_ignored_pixels": int(evaluation.total[-1].sum()),
        "fingerprints": evaluation.fingerprints(),
        "boundary_width": evaluation.boundary_width,
        **summary(evaluation),
        "versions": {"python": platform.python_version()} | _versions(),
    }
    evaluation.save(folder / COUNTS)
    _write_confusion(folder / CONFUSION, evaluation)
    (folder / SCORES).write_text(json.dumps(data, indent=2) + "\n")  # last: with it the folder is whole
    return data


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """Plain data: every score, as a number or {class: number}, and "intervals" of them; None: not scored.

    A binary task begins with the Dice and IoU of its object.
    """
    columns, found = evaluation.columns(), evaluation.scores()
    ends = evaluation.intervals() if evaluation.num_pictures > 1 else {}
    values = {name: plain(score, columns.get(name)) for name, score in found.items()}
    intervals = {name: plain(np.moveaxis(end, 0, -1), columns.get(name)) for name, end in ends.items()}
    first = evaluation.labels.object_class
    if first is not None:
        for each in (values, intervals):
            own = {f"{name}_{first}": each[name][first] for name in ("dice", "iou") if name in each}
            each.update({**own, **{name: each.pop(name) for name in list(each)}})
    return {**values, "intervals": intervals}


def print_scores(scores: Mapping[str, Any], labels_share: Mapping[str, float], title: str) -> None:
    """The table a class, and the means below it, in percent.

    scores: what stands in scores.json.  labels_share: by class, its share of the labelled pixels.
    """
    columns = {  # of scores.json, and the mean of each
        "iou": ("IoU", "miou"),
        "dice": ("Dice", "mean_dice"),
        "precision": ("precision", None),
        "recall": ("recall", "mean_accuracy"),
        "boundary_iou": ("boundary", "mean_boundary_iou"),
    }
    intervals = scores["intervals"]
    table = Table(
        title=escape(title),
        title_justify="left",
        show_footer=True,
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("class", footer="mean")
    table.add_column("share", justify="right")
    for name, (head, mean) in columns.items():
        table.add_column(head, justify="right", footer=percent(scores[mean]) if mean else "")
        if name == "iou":
            table.add_column("95 %", justify="right", footer=_range(intervals.get("miou")))
    for label, share in labels_share.items():
        iou, *others = (percent(scores[name][label]) for name in columns)
        table.add_row(
            escape(label), percent(share), iou, _range(intervals.get("iou", {}).get(label)), *others
        )
    console = Console()
    for name in [name.removeprefix("dice_") for name in scores if name.startswith("dice_")]:
        dice, iou = percent(scores[f"dice_{name}"]), percent(scores[f"iou_{name}"])
        console.print(f"{name}: Dice {dice} %   IoU {iou} %", markup=False)
    console.print(table)
    means = {
        "mIoU": "miou",
        "pixel accuracy": "pixel_accuracy",
        "mean accuracy": "mean_accuracy",
        "frequency-weighted IoU": "frequency_weighted_iou",
        "calibration error": "calibration_error",
        "category mIoU": "category_miou",
        "instance mIoU": "instance_miou",
    }
    said = [f"{words} {percent(scores[name])} %" for words, name in means.items() if name in scores]
    console.print("   ".join(said), soft_wrap=True)


def shares(evaluation: Evaluation) -> dict[str, float]:
    """By class, its share of the labelled pixels; nan where there are none."""
    pixels = evaluation.total[:-1].sum(1)
    total = pixels.sum()
    return {
        name: float(own / total) if total else math.nan
        for name, own in zip(evaluation.labels.classes, pixels, strict=True)
    }


@functools.cache
def _versions() -> dict[str, str]:
    """Of the libraries; looking them up takes longer than to write the scores."""
    return {library: version(library) for library in LIBRARIES}


def _write_confusion(path: Path, evaluation: Evaluation) -> None:
    """Rows = truth, columns = prediction, pixels; a last column where a prediction was no class."""
    matrix, names = evaluation.total[:-1], [*evaluation.labels.classes, NO_CLASS]
    if not matrix[:, -1].any():
        matrix, names = matrix[:, :-1], names[:-1]
    with path.open("w", newline="", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(["truth \\ prediction", *names])
        for name, row in zip(evaluation.labels.classes, matrix.tolist(), strict=True):
            writer.writerow([name, *row])


def plain(values: NDArray[np.float64], columns: Sequence[str] | None) -> Any:
    """A number, or by ``columns`` one each; None for nan.  A last axis of 2 is an interval, a list."""
    if columns is None:
        return _number(values)
    return {name: _number(value) for name, value in zip(columns, values, strict=True)}


def _number(value: NDArray[np.float64]) -> Any:
    if np.ndim(value):
        return None if np.isnan(value).any() else [float(end) for end in value]
    return None if np.isnan(value) else float(value)


def _range(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"{100 * interval[0]:.1f}-{100 * interval[1]:.1f}"
