"""Boundary IoU: the IoU of the pixels near the boundaries, which large areas cannot hide.

Source: Cheng et al., "Boundary IoU: improving object-centric image segmentation evaluation", 2021.  There the
boundary region of a mask are its pixels within d pixels of its contour or of the picture's border, d 2 % of
the picture's diagonal, and a score belongs to a mask; here the masks are the classes, and their counts are
summed over the data set before they are divided, as for the IoU.
"""

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from atrous.metrics.confusion import confusion_matrices

Indices = NDArray[np.uint8]

NUM_PARTS = 4


def boundary_counts(truth: Indices, predicted: Indices, num_classes: int, width: float) -> NDArray[np.int64]:
    """Intersection and union of the boundary regions a class: int64 (C, 2).

    truth, predicted: uint8 (H, W); C and above is no class.  A pixel without label takes no part: neither it
        nor what is predicted on it belongs to a class.
    width: of the region, as ``distance`` takes it.
    """
    parts = boundary_parts(truth, predicted, num_classes, width)
    return counts_of_parts(confusion_matrices(truth, predicted, parts, num_classes, NUM_PARTS))


def boundary_parts(truth: Indices, predicted: Indices, num_classes: int, width: float) -> Indices:
    """Which boundary regions a pixel lies in: uint8 (H, W); 1: the truth's, 2: the prediction's, 3: both."""
    predicted = np.where(truth < num_classes, predicted, truth)
    return near_boundaries((truth, predicted), distance(truth.shape, width))


def counts_of_parts(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    """As ``boundary_counts``.  confusion: int64 (4, C + 1, C + 1), of each of the ``boundary_parts``."""
    labelled = confusion[:, :-1]
    true, found = labelled[[1, 3]].sum((0, 2)), labelled[[2, 3]].sum((0, 1))[:-1]
    shared = np.diagonal(labelled[3])
    return np.stack([shared, true + found - shared], axis=1)


def near_boundaries(pictures: Sequence[Indices], steps: int) -> Indices:
    """Which pixels lie within ``steps`` king's moves of another index or of the outside, in each picture.

    This is each index's mask less its erosion by ``steps`` times a 3x3 square, for all of them at once: the
    pixels whose square of that size holds two neighbours that differ.
    pictures: up to eight of one size.  Returns uint8 (H, W), bit k of the k-th picture.
    """
    near = np.full(pictures[0].shape, 2 ** len(pictures) - 1, np.uint8)
    if min(near.shape) <= 2 * steps:
        return near
    across = any_of(_changes(pictures, axis=1), 2 * steps, axis=1)
    # If no row of a square has a change across, one column tells of all changes down.
    down = _changes([picture[:, steps:-steps] for picture in pictures], axis=0)
    inside = any_of(across[:-1] | down, 2 * steps, axis=0) | across[2 * steps :]
    near[steps:-steps, steps:-steps] = inside
    return near


def _changes(pictures: Sequence[Indices], axis: int) -> Indices:
    """Where a pixel differs from the next one along the axis: uint8, bit k of the k-th picture."""
    pairs = [(each[:-1], each[1:]) if axis == 0 else (each[:, :-1], each[:, 1:]) for each in pictures]
    flags = [(one != other).view(np.uint8) << np.uint8(bit) for bit, (one, other) in enumerate(pairs)]
    return reduce(np.bitwise_or, flags)


def any_of(flags: Indices, length: int, axis: int) -> Indices:
    """The bits that any of ``length`` neighbours along the axis has set: uint8, shorter by ``length`` - 1.

    By doubling, so that the cost grows with the logarithm of the length.
    """
    reach = 1
    while reach < length:
        step = min(reach, length - reach)
        flags = np.split(flags, [-step], axis)[0] | np.split(flags, [step], axis)[1]
        reach += step
    return flags


def distance(shape: tuple[int, ...], width: float) -> int:
    """The width of the boundary region in pixels, 1 or more.

    width: below 1 a share of the diagonal, else pixels.
    Raises ValueError: not above 0, or a broken number of pixels.
    """
    if width <= 0 or (width >= 1 and width != int(width)):
        raise ValueError(
            f"boundary_width={width}: expected a share of the diagonal, such as 0.02, or whole pixels, such "
            "as 3"
        )
    return int(width) if width >= 1 else max(1, round(width * math.hypot(*shape[:2])))
