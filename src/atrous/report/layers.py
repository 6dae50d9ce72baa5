"""A picture in layers that lie on each other in a page: image, truth, prediction, errors (layers.html)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from atrous.labels import LabelSet
from atrous.report.page import drawing, photo, shrink, shrink_indices
from atrous.report.pictures import CORRECT, WRONG

Pixels = NDArray[np.uint8]
# By name: image, (H, W, 3), truth and prediction, (H, W); these may hold what is no class.
Picture = Callable[[str], tuple[Pixels, Pixels, Pixels]]

LONGEST = 640  # pixels of a picture's longer side
STRIPE = 4  # pixels of a stripe's width
DARK, LIGHT = 255, 254  # stripes: values that no class has
STRIPES = ((70, 70, 70), (190, 190, 190))


class Layers(NamedTuple):
    """Data addresses of the layers, the size of each in pixels, and the class indices that occur in them."""

    image: str
    truth: str
    prediction: str
    errors: str
    width: int
    height: int
    classes: frozenset[int]


def draw_layers(image: Pixels, truth: Pixels, predicted: Pixels, labels: LabelSet) -> Layers:
    """image: uint8 (H, W, 3).  truth, predicted: uint8 (H, W); what is no class is drawn in stripes."""
    small, truth, predicted = (
        shrink(image, LONGEST),
        shrink_indices(truth, LONGEST),
        shrink_indices(predicted, LONGEST),
    )
    wrong = np.where(truth < labels.num_classes, predicted != truth, DARK).astype(np.uint8)
    present = np.union1d(truth, predicted)
    return Layers(
        photo(small),
        drawing(_striped(truth, labels.num_classes), _palette(labels.colors)),
        drawing(_striped(predicted, labels.num_classes), _palette(labels.colors)),
        drawing(_striped(wrong, 2), _palette((CORRECT, WRONG))),
        small.shape[1],
        small.shape[0],
        frozenset(present[present < labels.num_classes].tolist()),
    )


def _striped(indices: Pixels, num: int) -> Pixels:
    """The indices, with diagonal stripes where they are ``num`` or above."""
    rows, columns = np.indices(indices.shape, np.int32)
    stripes = np.where((rows + columns) // STRIPE % 2, DARK, LIGHT)
    return np.where(indices < num, indices, stripes).astype(np.uint8)


def _palette(colors: tuple[tuple[int, int, int], ...]) -> Pixels:
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colors)] = colors
    palette[[DARK, LIGHT]] = STRIPES
    return palette
