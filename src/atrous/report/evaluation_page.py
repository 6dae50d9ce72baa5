"""The report of an evaluation: one HTML file to be read, and handed on, without the program or the data."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from atrous.labels import LabelSet
from atrous.metrics.confusion import mean_scores
from atrous.metrics.evaluation import Evaluation
from atrous.report import plots
from atrous.report.highlights import confusions, lowest, picture_matrix, random_pictures, worst_pictures
from atrous.report.layers import STRIPES, Layers, Picture, draw_layers
from atrous.report.page import plot, write_page
from atrous.report.pictures import WRONG
from atrous.report.rows import about, costs, definitions, means, of_classes, of_groups
from atrous.report.tables import NO_CLASS, shares

NUM_CONFUSIONS = 10


class Card(NamedTuple):
    """A picture that is shown: its layers, and where it fails, in words.

    number: its place among all.
    lowest: classes of smallest IoU.  confusion: what costs most pixels, and its share of them in percent.
    """

    number: int
    name: str
    layers: Layers
    miou: float
    accuracy: float
    lowest: list[tuple[str, float]]
    confusion: str


class PictureRow(NamedTuple):
    """A picture in the table of all.

    lowest: at most one class, and its IoU.  number: of its card; None where it is not shown.
    """

    name: str
    miou: float
    accuracy: float
    lowest: list[tuple[str, float]]
    number: int | None


def write_report(
    path: Path,
    evaluation: Evaluation,
    scores: Mapping[str, Any],
    picture: Picture,
    config: str,
    num_pictures: int,
) -> None:
    """Write the page to ``path``.

    scores: what stands in scores.json.  config: YAML.
    num_pictures: how many of the worst are shown, and how many random ones.
    """
    labels = evaluation.labels
    matrix, names = _matrix(evaluation)
    what = scores.get("checkpoint") or scores.get("predictions")
    write_page(
        path,
        "evaluation.html",
        title=f"{what} on {scores['split']}",
        scores=scores,
        about=about(scores, labels),
        means=means(scores, labels),
        classes=of_classes(evaluation, scores),
        groups=of_groups(scores),
        confusions=confusions(matrix, names)[:NUM_CONFUSIONS],
        plots=_plots(evaluation, scores, matrix, names),
        definitions=definitions(scores),
        costs=costs(scores),
        config=config,
        **_pictures(evaluation, picture, num_pictures),
    )


def _pictures(evaluation: Evaluation, picture: Picture, num: int) -> dict[str, Any]:
    """Those that are shown, each once, with their legend, and the table of all."""
    worst = worst_pictures(evaluation, num)
    chance = random_pictures(evaluation.names, num)
    accuracy = np.concatenate([mean_scores(part)["pixel_accuracy"] for part in evaluation.matrices()])
    cards = {name: _card(name, evaluation, accuracy, picture) for name in dict.fromkeys([*worst, *chance])}
    return {
        "worst": [cards[name] for name in worst],
        "chance": [cards[name] for name in chance if name not in worst],
        "also_worst": [cards[name] for name in chance if name in worst],
        "legend": _legend(cards.values(), evaluation.labels),
        "wrong": WRONG,
        "stripes": STRIPES,
        "pictures": _rows(evaluation, accuracy, cards),
    }


def _matrix(evaluation: Evaluation) -> tuple[NDArray[np.int64], list[str]]:
    """The confusion matrix of the labelled pixels, (C, C) or (C, C + 1), and its columns' names."""
    matrix, names = evaluation.total[:-1], [*evaluation.labels.classes, NO_CLASS]
    return (matrix, names) if matrix[:, -1].any() else (matrix[:, :-1], names[:-1])


def _card(name: str, evaluation: Evaluation, accuracy: NDArray[np.float64], picture: Picture) -> Card:
    index = evaluation.names.index(name)
    labels = evaluation.labels
    matrix = picture_matrix(evaluation, index)
    made = confusions(matrix, [*labels.classes, NO_CLASS])
    largest = max(made, key=lambda each: each.pixels, default=None)
    words = ""
    if largest is not None:
        share = 100 * largest.pixels / matrix.sum()
        words = f"{share:.1f} % of the pixels: {largest.truth} taken for {largest.predicted}"
    return Card(
        index,
        name,
        draw_layers(*picture(name), labels),
        float(evaluation.picture_miou[index]),
        float(accuracy[index]),
        lowest(evaluation.picture_iou[index], labels.classes, 3),
        words,
    )


def _rows(
    evaluation: Evaluation, accuracy: NDArray[np.float64], shown: Mapping[str, Card]
) -> list[PictureRow]:
    numbers = [shown[name].number if name in shown else None for name in evaluation.names]
    columns = zip(
        numbers, evaluation.names, evaluation.picture_miou, accuracy, evaluation.picture_iou, strict=True
    )
    return [
        PictureRow(name, miou, right, lowest(iou, evaluation.labels.classes, 1), number)
        for number, name, miou, right, iou in columns
    ]


def _legend(cards: Iterable[Card], labels: LabelSet) -> dict[str, tuple[int, ...]]:
    """The classes that occur in the pictures shown, and their colours."""
    present = sorted(set().union(*(card.layers.classes for card in cards)))
    return {labels.classes[index]: labels.colors[index] for index in present}


def _plots(
    evaluation: Evaluation, scores: Mapping[str, Any], matrix: NDArray[np.int64], names: list[str]
) -> dict[str, Markup]:
    classes = evaluation.labels.classes
    ends = None
    if scores["intervals"]:
        ends = np.array([scores["intervals"]["iou"][name] or (np.nan, np.nan) for name in classes]).T
    share = np.array(list(shares(evaluation).values()))
    iou = np.array([scores["iou"][name] for name in classes], np.float64)
    figures = {
        "confusion": plots.confusion_plot(matrix, names),
        "size": plots.size_plot(share, iou, ends, classes),
        "histogram": plots.histogram(evaluation.picture_miou, scores["miou"]),
    }
    if "calibration_error" in scores:
        figures["calibration"] = plots.calibration_plot(evaluation.calibration.sum(0))
    return {name: plot(figure) for name, figure in figures.items()}
