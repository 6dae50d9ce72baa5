"""Plots of an evaluation.  All numbers come in [0, 1] and are drawn in percent."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from atrous.metrics.calibration import NUM_BINS
from atrous.metrics.confusion import Values, ratio

INK, SOFT, LINE, ACCENT, SECOND = "#1c2126", "#5b6670", "#dfe3e7", "#0b6fa4", "#b35806"
SIZE = (4.5, 4.1)  # inches
FONT_SIZE = 8  # points, of names in a plot
MAX_NUMBERED, MAX_NAMED = 25, 60  # classes of a confusion matrix with numbers in its cells, with names


def confusion_plot(matrix: NDArray[np.int64], names: Sequence[str]) -> Figure:
    """Each row divided by its sum; a row without pixels is grey.

    matrix: int64 (C, C) or (C, C + 1), rows = truth.  names: of the columns; the first C are the rows'.
    """
    pixels = matrix.astype(np.float64)
    shares = 100 * ratio(pixels, np.broadcast_to(pixels.sum(1, keepdims=True), pixels.shape))
    num_rows, num_columns = shares.shape
    side = float(np.clip(0.42 * num_columns, 2, 6.6 if num_columns <= MAX_NUMBERED else 9))
    figure = Figure(figsize=(side + 1.3, side + 1.2), layout="constrained")
    axes = figure.add_subplot()
    restrain(axes, "predicted", "truth")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    # small shares are what the plot is for: the square root pulls them apart
    colors, scale = colormaps["Blues"].with_extremes(bad="#cfcfcf"), PowerNorm(0.5, 0, 100)
    drawn = axes.imshow(shares, colors, scale, interpolation="none")
    if num_columns <= MAX_NAMED:
        size = float(np.clip(190 / num_columns, 5, 9))
        axes.set_xticks(range(num_columns), names, rotation=90, fontsize=size, parse_math=False)
        axes.set_yticks(range(num_rows), names[:num_rows], fontsize=size, parse_math=False)
        axes.tick_params(length=0)
    if num_columns <= MAX_NUMBERED:
        _write_numbers(axes, shares)
    else:
        bar = figure.colorbar(drawn, ticks=[0, 1, 5, 10, 25, 50, 75, 100], shrink=0.75, aspect=30, pad=0.02)
        bar.set_label("share of the true class's pixels (%)", color=SOFT)
        bar.outline.set_visible(False)
    return figure


def _write_numbers(axes: Axes, shares: Values) -> None:
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.5:
            color = "white" if share > 30 else INK
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=color, fontsize=8.5)


def size_plot(shares: Values, iou: Values, ends: Values | None, names: Sequence[str]) -> Figure:
    """IoU of each class over its share of the pixels; classes that truth lacks are left out.

    shares, iou: float64 (C,).  ends: float64 (2, C), the intervals, where there are any.
    """
    known = np.flatnonzero((shares > 0) & ~np.isnan(iou))
    x, y = 100 * shares[known], 100 * iou[known]
    figure, axes = _figure("share of the labelled pixels (%)", "IoU (%)")
    if ends is not None:
        low, high = 100 * ends[:, known]
        axes.vlines(x, low, high, color=ACCENT, alpha=0.5, linewidth=1.6, clip_on=False)
    axes.plot(x, y, "o", color=ACCENT, markersize=4.5, clip_on=False)
    smallest = 0.8 * min(x, default=1)
    axes.set(xscale="log", xlim=(10 ** np.floor(np.log10(smallest)), 100), ylim=(-8, 105))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    _name_points(figure, axes, x, y, [names[index] for index in known.tolist()])
    return figure


def histogram(mious: Values, miou: float) -> Figure:
    """How many pictures have which mIoU.

    mious: float64 (P,); nan is left out.  miou: of all pictures together.
    """
    known = 100 * mious[~np.isnan(mious)]
    figure, axes = _figure("mIoU of a picture (%)", "pictures")
    axes.hist(known, list(range(0, 101, 4)), color=ACCENT, alpha=0.75, edgecolor="white", linewidth=0.8)
    lines = {
        "median": (float(np.median(known)), INK, "--"),
        "all pictures together": (100 * miou, SECOND, "-"),
    }
    for label, (value, color, style) in lines.items():
        axes.axvline(value, color=color, linestyle=style, linewidth=1.4, label=f"{label}: {value:.1f} %")
    axes.set_xlim(0, 100)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8.5, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def calibration_plot(counts: NDArray[np.float64]) -> Figure:
    """Accuracy over confidence, and below it how many pixels have that confidence.

    counts: float64 (15, 3), as metrics.calibration, of all pictures.
    """
    pixels, confidence, correct = counts[counts[:, 0] > 0].T
    x, y = 100 * confidence / pixels, 100 * correct / pixels
    figure = Figure(figsize=SIZE, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    restrain(above, "", "right pixels (%)")
    restrain(below, "confidence in the predicted class (%)", "pixels (%)")
    above.plot([0, 100], [0, 100], color=SOFT, linestyle="--", linewidth=1, label="right as often as sure")
    above.vlines(x, x, y, color=SECOND, linewidth=2.4, label="the gap")
    above.plot(x, y, "o-", color=ACCENT, markersize=4.5, linewidth=1.4, label="this model")
    above.set(xlim=(0, 100), ylim=(0, 102))
    above.legend(frameon=False, fontsize=8.5, loc="lower left", bbox_to_anchor=(0, 1))
    width = 100 / NUM_BINS
    left, heights = width * np.arange(NUM_BINS), 100 * counts[:, 0] / counts[:, 0].sum()
    below.bar(left, heights, 0.9 * width, align="edge", color=ACCENT, alpha=0.75)
    return figure


def _name_points(figure: Figure, axes: Axes, x: Values, y: Values, names: Sequence[str]) -> None:
    figure.draw_without_rendering()  # from here on it is known where things lie
    places = axes.transData.transform(np.stack([x, y], axis=1)) * 72 / figure.dpi
    widths = [0.62 * FONT_SIZE * len(name) for name in names]  # about: no font is asked
    right_end = axes.get_window_extent().x1 * 72 / figure.dpi
    for index, (left, up) in free_places(places, widths, right_end).items():
        side = "right" if left < 0 else "left"
        axes.annotate(
            names[index],
            (x[index], y[index]),
            (-5 if left < 0 else left, up),
            textcoords="offset points",
            ha=side,
            fontsize=FONT_SIZE,
            parse_math=False,
        )


def rates_plot(rates: Values, losses: Values, smooth: Values, chosen: float | None) -> Figure:
    """The loss over the learning rate, from step to step.

    rates, losses, smooth: float (N,).  chosen: a rate; None: none was found.
    """
    figure, axes = _figure("learning rate", "loss")
    axes.set_xscale("log")
    axes.plot(rates, losses, color=LINE, label="each step")
    axes.plot(rates, smooth, color=ACCENT, label="smoothed")
    axes.set_ylim(0, 1.1 * float(np.percentile(losses, 90)))  # the divergence would press the rest flat
    if chosen is not None:
        axes.axvline(chosen, color=SECOND, label=f"steepest: {chosen:g}")
    axes.legend(frameon=False, labelcolor=INK)
    return figure


def free_places(points: Values, widths: Sequence[float], right_end: float) -> dict[int, tuple[float, float]]:
    """Where a name can stand beside its point without lying on another or on a point, the lowest first.

    points: float64 (P, 2), x and y upwards; all in points of print.  widths: of the names.
    right_end: where the plot ends.
    Returns the lower left corners from their points on, of those names that find a place.
    """
    taken = [Bbox.from_extents(*(point - 3), *(point + 3)) for point in points]
    found: dict[int, tuple[float, float]] = {}
    for index in np.argsort(points[:, 1], kind="stable").tolist():
        width = widths[index]
        for corner in ((5, 2), (-5 - width, 2), (5, -9), (-5 - width, -9)):
            left, low = points[index] + corner
            box = Bbox.from_bounds(left, low, width, FONT_SIZE)
            if left >= 0 and left + width <= right_end and not any(map(box.overlaps, taken)):
                taken.append(box)
                found[index] = corner
                break
    return found


def _figure(xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    restrain(axes, xlabel, ylabel)
    return figure, axes


def restrain(axes: Axes, xlabel: str, ylabel: str) -> None:
    """Labels, and as few lines as a plot needs."""
    axes.set_xlabel(xlabel, color=SOFT)
    axes.set_ylabel(ylabel, color=SOFT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.grid(color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9)
