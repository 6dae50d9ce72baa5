"""IoU in which every object counts alike, whatever its size: Cityscapes' iIoU.

The correct and the missed pixels of an object are weighted by the mean size of its class's objects over its
own size; false positives belong to no object, and count as they are.
Source: Cordts et al., "The Cityscapes dataset for semantic urban scene understanding", 2016, and the official
evaluator, cityscapesscripts (evalPixelLevelSemanticLabeling).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from atrous.metrics.confusion import Counts, Values, ratio

Objects = NDArray[np.int32]


def instance_counts(
    objects: Objects,
    predicted: NDArray[np.uint8],
    sizes: Mapping[int, float],
    groups: Sequence[Sequence[int]],
) -> NDArray[np.float64]:
    """Weighted correct and missed pixels: float64 (G, 2), of each group.

    objects: int32 (H, W), 0 where there is no object, else its class + 256 * its number, 1 or more.
    predicted: uint8 (H, W).
    sizes: mean size in pixels of a class's objects.
    groups: class indices; an object of one of them is correct where any of them is predicted.
    """
    counts = np.zeros((len(groups), 2))
    found = np.flatnonzero(objects)
    if not found.size:
        return counts
    ids, inverse = np.unique(objects.ravel()[found], return_inverse=True)
    guesses = predicted.ravel()[found]
    pixels = np.bincount(inverse)
    classes = ids % 256
    weights = np.array([sizes[int(index)] for index in classes]) / pixels
    for row, group in enumerate(groups):
        own = np.isin(classes, group)
        right = np.bincount(inverse, weights=np.isin(guesses, group), minlength=len(ids))
        counts[row] = (weights * right)[own].sum(), (weights * (pixels - right))[own].sum()
    return counts


def instance_iou(counts: NDArray[np.float64], confusion: Counts, groups: Sequence[Sequence[int]]) -> Values:
    """IIoU of each group, (..., G) in [0, 1].

    counts: float64 (..., G, 2) of ``instance_counts``.  confusion: (..., C + 1, C + 1).
    groups: class indices; a prediction of one of them on a labelled pixel of none of them is false.
    """
    false = []
    for group in map(list, groups):
        others = np.delete(confusion[..., :-1, :], group, axis=-2)
        false.append(others[..., group].sum((-1, -2)))
    correct, missed = np.moveaxis(counts, -1, 0)
    return ratio(correct, correct + missed + np.stack(false, axis=-1))
