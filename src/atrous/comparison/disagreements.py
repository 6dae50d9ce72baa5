"""The pictures in which two evaluations differ most, pixel by pixel."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from atrous.comparison.scored import Scored
from atrous.data.layouts.pairs import Layout, Pair
from atrous.data.reading import read_labels, read_pair
from atrous.metrics.evaluation import Evaluation
from atrous.predictions import read_back
from atrous.report.comparison_page import Picture, layers
from atrous.report.exports import PREDICTIONS

Pixels = NDArray[np.uint8]
FindPairs = Callable[[Mapping[str, Any]], tuple[Layout, Sequence[Pair]]]


class Disagreement(NamedTuple):
    """The shares of a picture's labelled pixels where only one of two evaluations is right."""

    name: str
    only_baseline: float
    only_other: float

    @property
    def share(self) -> float:
        """Where exactly one is right, in [0, 1]."""
        return self.only_baseline + self.only_other


def differ_most(
    baseline: Sequence[Scored], other: Sequence[Scored], find: FindPairs, most: int
) -> list[Picture]:
    """The pictures in which two groups differ most, in layers; of each the first member with predictions.

    find: config.yaml of an evaluation -> the layout and pictures that it was scored on.
    Raises ValueError or OSError: predictions or data are not there, or are not those that were scored.
    """
    sides = _with_predictions(baseline), _with_predictions(other)
    layout, pairs = find(next((side.config for side in sides if "data" in side.config), {}))
    by_name = {pair.name: pair for pair in pairs}
    return [
        _picture(each, by_name[each.name], layout, *sides)
        for each in disagreements(by_name, layout, *sides)[:most]
    ]


def disagreements(
    pairs: Mapping[str, Pair], layout: Layout, baseline: Scored, other: Scored
) -> list[Disagreement]:
    """Those of all pictures with labels, the largest share first; reads every file, on all cores.

    Raises ValueError: a file is missing, cannot be read, or is none of those that were scored.
    """
    expected = _correct(baseline.evaluation), _correct(other.evaluation)

    def count(index: int) -> Disagreement:
        name = baseline.evaluation.names[index]
        if name not in pairs:
            raise ValueError(f"the data set has no picture '{name}'")
        truth = _truth(pairs[name], layout)
        right = [_right(side, name, truth, layout) for side in (baseline, other)]
        if [each.sum() for each in right] != [each[index] for each in expected]:
            raise ValueError(
                f"picture '{name}': its labels or predictions have changed since they were scored"
            )
        num_labelled = max(1, (truth < layout.labels.num_classes).sum())
        alone = [(mine & ~theirs).sum() / num_labelled for mine, theirs in (right, right[::-1])]
        return Disagreement(name, *map(float, alone))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            indices = range(baseline.evaluation.num_pictures)
            counted = list(track(pool.map(count, indices), "pictures", total=len(indices), transient=True))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return sorted(counted, key=lambda each: -each.share)


def _picture(found: Disagreement, pair: Pair, layout: Layout, baseline: Scored, other: Scored) -> Picture:
    image, truth = read_pair(pair, layout.labels, layout.label_format)
    ours, theirs = (read_back(side.folder, pair.name, layout.labels) for side in (baseline, other))
    index = baseline.evaluation.names.index(pair.name)
    return Picture(
        pair.name,
        found.only_baseline,
        found.only_other,
        float(baseline.evaluation.picture_miou[index]),
        float(other.evaluation.picture_miou[index]),
        layers(image, truth, ours, theirs, layout.labels),
    )


def _with_predictions(members: Sequence[Scored]) -> Scored:
    for each in members:
        if (each.folder / PREDICTIONS).is_dir():
            return each
    raise ValueError(f"{members[0].folder} holds no predictions")


def _truth(pair: Pair, layout: Layout) -> Pixels:
    if pair.label is None:
        raise ValueError(f"{pair.image}: no labels")
    return read_labels(pair.label, layout.labels, layout.label_format)


def _right(side: Scored, name: str, truth: Pixels, layout: Layout) -> NDArray[np.bool_]:
    """Which labelled pixels are right: bool (H, W); none where the sizes differ."""
    predicted = read_back(side.folder, name, layout.labels)
    if predicted.shape != truth.shape:
        return np.zeros_like(truth, np.bool_)
    return np.asarray((predicted == truth) & (truth < layout.labels.num_classes))


def _correct(evaluation: Evaluation) -> NDArray[np.int64]:
    """The pixels of each picture that are right: int64 (P,)."""
    traces = [np.trace(part[:, :-1, :-1], axis1=1, axis2=2) for part in evaluation.matrices()]
    return np.concatenate(traces)
