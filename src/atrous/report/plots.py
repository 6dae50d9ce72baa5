"""Plots of an evaluation.  All numbers come in [0, 1] and are drawn in percent."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from atrous.metrics.calibration import NUM_BINS
from atrous.metrics.confusion import Values, ratio

INK, SOFT, LINE, ACCENT, SECOND = "#1c2126", "#5b6670", "#dfe3e7", "#0b6fa4", "#b35806"
MAX_NUMBERED, MAX_NAMED = 25, 60  # classes of a confusion matrix with numbers in its cells, with names


def confusion_plot(matrix: NDArray[np.int64], names: Sequence[str]) -> Figure:
    """Each row divided by its sum; a row without pixels is grey.

    matrix: int64 (C, C) or (C, C + 1), rows = truth.  names: of the columns; the first C are the rows'.
    """
    pixels = matrix.astype(np.float64)
    shares = 100 * ratio(pixels, np.broadcast_to(pixels.sum(1, keepdims=True), pixels.shape))
    rows, columns = shares.shape
    side = float(np.clip(0.47 * columns, 2.2, 9))
    figure = Figure(figsize=(side + 2.2, side + 1.2), layout="constrained")
    axes = figure.add_subplot(xlabel="predicted", ylabel="truth")
    colors = colormaps["YlGnBu"].with_extremes(bad=LINE)
    # small shares are what the plot is for: the square root pulls them apart
    drawn = axes.imshow(shares, colors, PowerNorm(0.5, 0, 100), interpolation="none")
    bar = figure.colorbar(drawn, ticks=[0, 1, 5, 10, 25, 50, 75, 100], shrink=0.8, aspect=30, pad=0.02)
    bar.set_label("share of the true class's pixels (%)", color=SOFT)
    bar.outline.set_visible(False)
    size = float(np.clip(190 / columns, 5, 9))
    if columns <= MAX_NAMED:
        axes.set_xticks(range(columns), names, rotation=90, fontsize=size, parse_math=False)
        axes.set_yticks(range(rows), names[:rows], fontsize=size, parse_math=False)
    if columns <= MAX_NUMBERED:
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.5:
                color = "white" if share > 30 else INK
                axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=color, fontsize=8)
    axes.tick_params(length=0 if columns <= MAX_NAMED else 3, colors=INK)
    axes.spines[:].set_visible(False)
    return figure


def size_plot(shares: Values, iou: Values, ends: Values | None, names: Sequence[str]) -> Figure:
    """IoU of each class over its share of the pixels; classes that truth lacks are left out.

    shares, iou: float64 (C,).  ends: float64 (2, C), the intervals, where there are any.
    """
    known = np.flatnonzero((shares > 0) & ~np.isnan(iou))
    x, y = 100 * shares[known], 100 * iou[known]
    figure, axes = _figure("share of the labelled pixels (%)", "IoU (%)", 5.2)
    if ends is not None:
        low, high = 100 * ends[:, known]
        axes.vlines(x, low, high, color=ACCENT, alpha=0.5, linewidth=1.4)
    axes.plot(x, y, "o", color=ACCENT, markersize=4.5)
    axes.set(xscale="log", ylim=(0, 104))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.margins(x=0.12)
    for index in _apart(axes, x, y):
        axes.annotate(
            names[known[index]],
            (x[index], y[index]),
            (5, 3),
            textcoords="offset points",
            fontsize=8,
            parse_math=False,
        )
    return figure


def histogram(mious: Values, miou: float) -> Figure:
    """How many pictures have which mIoU.

    mious: float64 (P,); nan is left out.  miou: of all pictures together.
    """
    known = 100 * mious[~np.isnan(mious)]
    figure, axes = _figure("mIoU of a picture (%)", "pictures", 3.6)
    axes.hist(known, list(range(0, 101, 4)), color=ACCENT, alpha=0.75, edgecolor="white", linewidth=0.8)
    lines = {
        "median": (np.median(known), INK, "--"),
        "all pictures together": (100 * miou, SECOND, "-"),
    }
    for label, (value, color, style) in lines.items():
        axes.axvline(value, color=color, linestyle=style, linewidth=1.4, label=f"{label}: {value:.1f} %")
    axes.set_xlim(0, 100)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8.5, loc="upper left")
    return figure


def calibration_plot(counts: NDArray[np.float64]) -> Figure:
    """Accuracy over confidence, and below it how many pixels have that confidence.

    counts: float64 (15, 3), as metrics.calibration, of all pictures.
    """
    pixels, confidence, correct = counts.T
    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    _restrain(above, "", "pixels that are right (%)")
    _restrain(below, "confidence in the predicted class (%)", "pixels (%)")
    some = pixels > 0
    x, y = 100 * confidence[some] / pixels[some], 100 * correct[some] / pixels[some]
    above.plot([0, 100], [0, 100], color=SOFT, linestyle="--", linewidth=1, label="right as often as sure")
    above.vlines(x, x, y, color=SECOND, linewidth=2.4, label="the gap")
    above.plot(x, y, "o-", color=ACCENT, markersize=4.5, linewidth=1.4, label="this model")
    above.set(xlim=(0, 100), ylim=(0, 102))
    above.legend(frameon=False, fontsize=8.5, loc="upper left")
    width = 100 / NUM_BINS
    left = width * np.arange(NUM_BINS)
    below.bar(left, 100 * pixels / pixels.sum(), 0.9 * width, align="edge", color=ACCENT, alpha=0.75)
    return figure


def _apart(axes: Axes, x: Values, y: Values, gap: float = 0.035) -> list[int]:
    """Which points can be named without one name lying on another: the lowest first.

    gap: between names above each other, in heights of the plot.
    """
    place = axes.transAxes.inverted().transform(axes.transData.transform(np.stack([x, y], axis=1)))
    chosen: list[int] = []
    for index in np.argsort(y).tolist():
        across, up = np.abs(place[chosen] - place[index]).T if chosen else np.full((2, 1), np.inf)
        if not ((across < 0.16) & (up < gap)).any():
            chosen.append(index)
    return chosen


def _figure(xlabel: str, ylabel: str, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.6, height), layout="constrained")
    axes = figure.add_subplot()
    _restrain(axes, xlabel, ylabel)
    return figure, axes


def _restrain(axes: Axes, xlabel: str, ylabel: str) -> None:
    axes.set_xlabel(xlabel, color=SOFT)
    axes.set_ylabel(ylabel, color=SOFT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.grid(color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9)
