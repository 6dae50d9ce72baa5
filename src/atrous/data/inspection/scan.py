"""Looking at all pairs on all cores; what was read before an interruption is kept."""

from collections.abc import Callable, Sequence
from functools import partial

from atrous.data.inspection.look import Record, look
from atrous.data.label_formats import LabelFormat
from atrous.data.layouts.pairs import Pair
from atrous.data.processes import spread
from atrous.labels import LabelSet


def scan(
    pairs: Sequence[tuple[str, Pair]],
    labels: LabelSet,
    label_format: LabelFormat,
    sign: bool,
    num_workers: int | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Record], bool]:
    """Records of (split, pair), in their order, and whether they are all; the rest as ``spread``."""
    work = partial(_look_at, labels=labels, label_format=label_format, sign=sign)
    return spread(work, pairs, num_workers, tell)


def _look_at(
    chunk: Sequence[tuple[str, Pair]], labels: LabelSet, label_format: LabelFormat, sign: bool
) -> list[Record]:
    return [look(split, pair, labels, label_format, sign) for split, pair in chunk]
