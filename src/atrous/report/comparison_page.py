"""The page of a comparison: tables, plots, and the pictures in layers (comparison.html)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from atrous.labels import Color, LabelSet
from atrous.metrics.confusion import Values
from atrous.report.comparison_plots import scatter, whiskers
from atrous.report.differences import COSTS, Data, class_rows, cost_rows, letters, mean_rows
from atrous.report.layers import LONGEST, draw_indices
from atrous.report.page import photo, plot, shrink, shrink_indices, write_page

Pixels = NDArray[np.uint8]

# Who is right: colours that stay apart for the colour-blind.
BOTH, BASELINE, OTHER, NEITHER, IGNORED = range(5)
COLORS: tuple[Color, ...] = ((232, 232, 232), (31, 119, 180), (240, 130, 20), (60, 60, 60))


class Picture(NamedTuple):
    """A picture in layers, data addresses by what they show.

    only_baseline, only_other: the shares of its labelled pixels where only one of the two is right.
    miou_baseline, miou_other: of this picture alone, in [0, 1].
    """

    name: str
    only_baseline: float
    only_other: float
    miou_baseline: float
    miou_other: float
    layers: dict[str, str]


class Against(NamedTuple):
    """A group against the baseline: plots, and the pictures in which they differ most."""

    name: str
    plots: list[Markup]
    pictures: list[Picture]


def write_comparison(
    path: Path, data: Data, labels: LabelSet, against: Sequence[Against], without_pictures: str | None
) -> None:
    """Write the page to ``path``.

    data: comparison.json.  without_pictures: why there are none.
    """
    others = list(data["differences"])
    title = f"{others[0]} against {data['baseline']}" if len(others) == 1 else f"{len(others) + 1} models"
    write_page(
        path,
        "comparison.html",
        title=title,
        data=data,
        means=mean_rows(data),
        letters=letters(data),
        class_rows=class_rows(data),
        costs=cost_rows(data),
        cost_names=COSTS,
        classes=dict(zip(labels.classes, labels.colors, strict=True)),
        right=dict(zip(("both right", "baseline", "other", "both wrong"), COLORS, strict=True)),
        against=against,
        without_pictures=without_pictures,
    )


def plots(data: Data, other: str, mious: tuple[Values, Values]) -> list[Markup]:
    """Differences by class, and pictures against pictures.

    mious: of each picture, float64 (P,), with the baseline and with ``other``.
    """
    return [
        plot(whiskers(class_rows(data), other)),
        plot(scatter(*mious, letters(data)[other])),
    ]


def layers(image: Pixels, truth: Pixels, baseline: Pixels, other: Pixels, labels: LabelSet) -> dict[str, str]:
    """The layers of a picture, as data addresses by what they show.

    image: uint8 (H, W, 3).  truth, baseline, other: class indices, uint8 (H, W).
    """
    drawn = {
        "right": (who_is_right(truth, baseline, other, labels), COLORS),
        "truth": (truth, labels.colors),
        "baseline": (baseline, labels.colors),
        "other": (other, labels.colors),
    }
    return {"image": photo(shrink(image, LONGEST))} | {
        name: draw_indices(shrink_indices(indices, LONGEST), colors)
        for name, (indices, colors) in drawn.items()
    }


def who_is_right(truth: Pixels, baseline: Pixels, other: Pixels, labels: LabelSet) -> Pixels:
    """uint8 (H, W): ``BOTH``, ``BASELINE``, ``OTHER``, ``NEITHER``; ``IGNORED`` has no colour."""
    right = np.select(
        [(baseline == truth) & (other == truth), baseline == truth, other == truth],
        [BOTH, BASELINE, OTHER],
        NEITHER,
    )
    return np.where(truth < labels.num_classes, right, IGNORED).astype(np.uint8)
