"""Scores as a printed table, as scores.json and as confusion.csv."""

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from torch import Tensor

from atrous.labels import LabelSet
from atrous.metrics import Evaluation, scores

PER_CLASS = ("iou", "dice", "precision", "recall")
MEANS = (
    "miou",
    "mean_dice",
    "mean_accuracy",
    "pixel_accuracy",
    "frequency_weighted_iou",
    "iou_sum_over_sum",
)


def summary(evaluation: Evaluation, labels: LabelSet) -> dict[str, Any]:
    """Plain data: the means as numbers, the scores a class as {class: number or None (absent)}.

    A binary task begins with the Dice and IoU of its object.  ``miou_per_image`` and ``iou_sum_over_sum`` are
    not the data set's mIoU, but what other programs report under that name.
    """
    values = scores(evaluation.confusion)
    first = {}
    if labels.object_class:
        first = {
            f"dice_{labels.object_class}": _number(values.dice[1]),
            f"iou_{labels.object_class}": _number(values.iou[1]),
        }
    means = {name: _number(getattr(values, name)) for name in MEANS}
    means["miou_per_image"] = _number(evaluation.image_mious.nanmean())
    per_class = {
        name: {
            label: _number(value) for label, value in zip(labels.classes, getattr(values, name), strict=True)
        }
        for name in PER_CLASS
    }
    return first | means | per_class


def write_scores(folder: Path, evaluation: Evaluation, labels: LabelSet, about: Mapping[str, Any]) -> None:
    """scores.json and confusion.csv (rows = truth, columns = prediction, pixels) in ``folder``.

    about: further entries of scores.json: the split, the checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        **about,
        "label_set": labels.name,
        "num_pictures": len(evaluation.image_mious),
        "num_pixels": int(evaluation.confusion.sum()),
        **summary(evaluation, labels),
    }
    (folder / "scores.json").write_text(json.dumps(data, indent=2) + "\n")
    with (folder / "confusion.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["truth \\ prediction", *labels.classes])
        for name, row in zip(labels.classes, evaluation.confusion.tolist(), strict=True):
            writer.writerow([name, *row])


def print_scores(evaluation: Evaluation, labels: LabelSet, title: str) -> None:
    """The table a class, and the means below it, in percent."""
    confusion = evaluation.confusion
    values = scores(confusion)
    share = confusion.sum(1) / confusion.sum()
    table = Table(title=title, title_justify="left", show_footer=True)
    table.add_column("class", footer="mean")
    for name in ("share of pixels", *PER_CLASS):
        footer = {"iou": values.miou, "dice": values.mean_dice, "recall": values.mean_accuracy}.get(name)
        table.add_column(name, justify="right", footer="" if footer is None else _percent(footer))
    for index, name in enumerate(labels.classes):
        cells = [_percent(getattr(values, column)[index]) for column in PER_CLASS]
        table.add_row(name, _percent(share[index]), *cells)
    console = Console()
    if labels.object_class:
        dice, iou = _percent(values.dice[1]), _percent(values.iou[1])
        console.print(f"{labels.object_class}: Dice {dice} %   IoU {iou} %")
    console.print(table)
    console.print(
        f"mIoU {_percent(values.miou)} %   pixel accuracy {_percent(values.pixel_accuracy)} %   "
        f"mean accuracy {_percent(values.mean_accuracy)} %   "
        f"frequency-weighted IoU {_percent(values.frequency_weighted_iou)} %",
        soft_wrap=True,
    )


def _number(value: Tensor) -> float | None:
    number = float(value)
    return None if math.isnan(number) else number


def _percent(value: Tensor) -> str:
    number = float(value)
    return "-" if math.isnan(number) else f"{100 * number:.2f}"
