"""Plots of a comparison: the differences by class, and one model's pictures against the other's."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from atrous.metrics.confusion import Values
from atrous.report.differences import Row
from atrous.report.plots import ACCENT, INK, SOFT, restrain

GOOD, BAD = "#2c7a3f", "#c2272d"
MAX_ROWS = 40


def whiskers(rows: Sequence[Row], other: str) -> Figure:
    """Each row's difference with its interval; the widest apart where there are more than ``MAX_ROWS``."""
    known = [row for row in rows if row.differences[other].value is not None]
    by_size = sorted(known, key=lambda row: -abs(row.differences[other].value or 0.0))[:MAX_ROWS]
    shown = [row for row in known if row in by_size]
    figure = Figure(figsize=(6.2, 1 + 0.26 * len(shown)))
    axes = figure.add_subplot()
    for place, row in enumerate(shown):
        found = row.differences[other]
        color = {True: GOOD, False: BAD, None: SOFT}[found.better]
        if found.ends is not None:
            axes.plot([100 * end for end in found.ends], [place, place], color=color, linewidth=2)
        axes.plot([100 * (found.value or 0.0)], [place], "o", color=color, markersize=5)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(shown)), [row.name for row in shown], parse_math=False)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    restrain(axes, "difference of IoU in points, with its 95 % interval", "")
    return figure


def scatter(baseline: Values, other: Values, name: str) -> Figure:
    """A point a picture: its mIoU with the baseline, and with the other.

    baseline, other: float64 (P,); nan without labelled pixels.
    """
    figure = Figure(figsize=(5.2, 5.2))
    axes = figure.add_subplot()
    axes.plot([0, 100], [0, 100], color=SOFT, linewidth=0.8)
    axes.scatter(100 * baseline, 100 * other, s=12, color=ACCENT, alpha=0.55, linewidth=0)
    both = 100 * np.concatenate([baseline, other])
    low, high = np.nanmin(both), np.nanmax(both)
    room = max(1.0, 0.04 * (high - low))
    axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room), aspect="equal")
    restrain(axes, "mIoU of the picture in percent: A", name)
    return figure
