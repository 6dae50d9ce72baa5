"""What scores.json holds, as rows that a page prints: numbers in [0, 1], nan for what was not scored."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from atrous.labels import Color, LabelSet
from atrous.metrics.evaluation import Evaluation
from atrous.report.tables import shares

Scores = Mapping[str, Any]

DEFINITIONS = {
    "miou": "intersection and union of each class summed over all pictures, averaged over the classes that "
    "occur in truth or prediction: the mIoU of this report and of the official evaluators",
    "miou_per_image": "the mIoU of each picture, over the classes that occur in it, averaged over pictures",
    "miou_per_image_absent_as_zero": "the same, but a class that a picture lacks counts as 0 there",
    "miou_per_image_over_classes_plus_one": "the same, divided by the number of classes plus one",
    "iou_sum_over_sum": "all classes' intersections over all their unions: it follows from the pixel "
    "accuracy, and rare classes hardly count",
    "frequency_weighted_iou": "each class weighted by its share of the pixels",
    "miou_void_as_errors": "pixels without label are not left out: what is predicted there is an error",
    "miou_void_as_class": "besides, 'no label' is one more class, which no network predicts",
}


class Score(NamedTuple):
    """A score and the ends of its 95 % interval; nan where there is none."""

    value: float
    low: float
    high: float


class ClassRow(NamedTuple):
    """A class: its share of the labelled pixels, how many pictures' truth hold it, its scores by name."""

    number: int
    name: str
    color: Color
    share: float
    num_pictures: int
    scores: dict[str, Score]


def score(scores: Scores, name: str, entry: str | None = None) -> Score:
    """A score of scores.json, or one ``entry`` of it: a class or category."""
    value, ends = scores[name], scores["intervals"].get(name)
    if entry is not None:
        value, ends = value.get(entry), ends and ends.get(entry)
    low, high = ends or (np.nan, np.nan)
    return Score(np.nan if value is None else value, low, high)


def means(scores: Scores, labels: LabelSet) -> dict[str, Score]:
    """The scores that stand first, by what a reader calls them."""
    first = labels.object_class
    own = {f"dice_{first}": f"Dice of {first}", f"iou_{first}": f"IoU of {first}"} if first else {}
    names = own | {
        "miou": "mIoU",
        "pixel_accuracy": "pixel accuracy",
        "mean_dice": "mean Dice",
        "mean_boundary_iou": "mean boundary IoU",
        "category_miou": "category mIoU",
        "instance_miou": "instance mIoU",
        "instance_category_miou": "instance category mIoU",
        "calibration_error": "calibration error",
    }
    return {words: score(scores, name) for name, words in names.items() if name in scores}


def of_classes(evaluation: Evaluation, scores: Scores) -> list[ClassRow]:
    """Every class, in index order."""
    labels = evaluation.labels
    holding = sum((part[:, :-1].sum(2) > 0).sum(0) for part in evaluation.matrices())
    return [
        ClassRow(
            index,
            name,
            labels.colors[index],
            share,
            int(np.asarray(holding)[index]),
            {
                each: score(scores, each, name)
                for each in ("iou", "dice", "precision", "recall", "boundary_iou")
            },
        )
        for index, (name, share) in enumerate(shares(evaluation).items())
    ]


def of_groups(scores: Scores) -> dict[str, dict[str, dict[str, Score]]]:
    """What else is scored, where the label set has it: table -> category or class -> its scores by name."""
    tables = {"Categories": ("category_iou", "instance_category_iou"), "Objects": ("instance_iou", "iou")}
    found = {}
    for table, names in tables.items():
        there = [name for name in names if name in scores]
        rows = scores.get(names[0], {})
        found[table] = {row: {name: score(scores, name, row) for name in there} for row in rows}
    return {table: rows for table, rows in found.items() if rows}


def definitions(scores: Scores) -> list[tuple[str, Score, str]]:
    """Name, score and meaning of everything that some program calls mean IoU."""
    return [(name, score(scores, name), meaning) for name, meaning in DEFINITIONS.items()]


def about(scores: Scores, labels: LabelSet) -> dict[str, str]:
    """What was scored, and how."""
    pixels, ignored = scores["num_pixels"], scores["num_ignored_pixels"]
    width = scores["boundary_width"]
    rows = {
        "checkpoint": scores.get("checkpoint"),
        "weights": scores.get("weights"),
        "training step": f"{scores['step']:,}" if "step" in scores else None,
        "predictions": scores.get("predictions"),
        "split": scores["split"],
        "label set": f"{labels.name}, {labels.num_classes} classes",
        "inference": _words(scores.get("inference", {})),
        "pictures": f"{scores['num_pictures']:,}",
        "missing predictions": f"{scores['num_missing']:,} (not scored)"
        if scores.get("num_missing")
        else None,
        "pixels scored": f"{pixels:,}",
        "pixels ignored": f"{ignored:,} ({100 * ignored / (pixels + ignored):.1f} % of all)",
        "boundary region": f"{100 * width:g} % of the diagonal" if width < 1 else f"{width:g} pixels",
        "hash of the names": scores["fingerprints"]["pictures"],
        "hash of the truth": scores["fingerprints"]["truth"],
    }
    return {name: str(value) for name, value in rows.items() if value}


def costs(scores: Scores) -> dict[str, str]:
    """What the network costs, where that is known."""
    known = scores.get("costs")
    if not known:
        return {}
    height, width = known["size"]
    return {
        "parameters": f"{known['num_parameters'] / 1e6:.2f} M",
        "multiply-accumulates": f"{known['gmac']:.2f} G for a picture of {width}x{height}",
        "seconds a picture": f"{known['seconds_per_picture']:.4f} on {known['device']}, "
        f"{known['num_threads']} threads",
        "training": f"{known['training_seconds'] / 3600:.2f} h",
    }


def _words(choices: Mapping[str, Any]) -> str:
    """The choices of an inference, but not those that are off."""
    said = []
    for name, value in choices.items():
        if name.startswith("_") or value is None or value is False:
            continue
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        said.append(name if value is True else f"{name} {words}")
    return " \N{MIDDLE DOT} ".join(said)
