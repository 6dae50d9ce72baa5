"""Boundary IoU: the IoU of the pixels near the boundaries, which large areas cannot hide.

Source: Cheng et al., "Boundary IoU: improving object-centric image segmentation evaluation", 2021.  There the
boundary region of a mask are its pixels within d pixels of its contour or of the picture's border, d 2 % of
the picture's diagonal, and a score belongs to a mask; here the masks are the classes, and their counts are
summed over the data set before they are divided, as for the IoU.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.uint8]


def boundary_counts(truth: Indices, predicted: Indices, num_classes: int, width: float) -> NDArray[np.int64]:
    """Intersection and union of the boundary regions a class: int64 (C, 2).

    truth, predicted: uint8 (H, W); C and above is no class.  A pixel without label takes no part: neither it
        nor what is predicted on it belongs to a class.
    width: of the region, as ``distance`` takes it.
    """
    predicted = np.where(truth < num_classes, predicted, truth)
    steps = distance(truth.shape, width)
    near_truth, near_predicted = near_boundary(truth, steps), near_boundary(predicted, steps)
    both = near_truth & near_predicted & (truth == predicted)
    shared, true, found = (
        np.bincount(indices[chosen], minlength=256)[:num_classes]
        for indices, chosen in ((truth, both), (truth, near_truth), (predicted, near_predicted))
    )
    return np.stack([shared, true + found - shared], axis=1)


def near_boundary(indices: Indices, steps: int) -> NDArray[np.bool_]:
    """Which pixels lie within ``steps`` king's moves of another index or of the outside: bool (H, W).

    This is each index's mask less its erosion by ``steps`` times a 3x3 square, for all of them at once.
    """
    square = np.ones((2 * steps + 1, 2 * steps + 1), np.uint8)
    near = np.asarray(cv2.erode(indices, square) != cv2.dilate(indices, square))
    near[:steps] = near[-steps:] = True
    near[:, :steps] = near[:, -steps:] = True
    return near


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
