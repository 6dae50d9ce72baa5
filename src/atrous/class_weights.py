"""Class weights from class counts: pure functions of what the training labels hold.

counts: int64 (num_pictures, C + 1), the pixels of each class in each picture, and in the last column the
    ignored ones.
The weights are float64 (C,), >= 0.  A class that never occurs gets 0: it could not be learned, and a formula
that divides by its frequency has no number for it.
"""

import numpy as np
from numpy.typing import NDArray

from atrous.labels import LabelSet

Counts = NDArray[np.int64]
Weights = NDArray[np.float64]


def counts_row(histogram: Counts, labels: LabelSet) -> Counts:
    """A picture's row.  histogram: int64 (256,), its pixels of each label value."""
    return np.append(histogram[: labels.num_classes], histogram[labels.ignore_index])


def median_frequency(counts: Counts) -> Weights:
    """Median of the classes' frequencies over a class's own, which is counted over the pictures that hold it.

    The pictures' ignored pixels count as pixels.
    Source: Eigen and Fergus, "Predicting depth, surface normals and semantic labels with a common multi-scale
    convolutional architecture", 2015.
    """
    pixels, occurs = _occurring(counts)
    held = (pixels > 0) * counts.sum(1, keepdims=True)
    frequency = pixels.sum(0) / held.sum(0)
    return _placed(np.median(frequency) / frequency, occurs)


def inverse_log(counts: Counts, offset: float = 1.02) -> Weights:
    """1 / ln(offset + p), p a class's share of the labelled pixels: from 1.4 to 50.5 with the paper's offset.

    Source: Paszke et al., "ENet: A deep neural network architecture for real-time semantic segmentation",
    2016.
    Raises ValueError: an offset that does not lie above 1.
    """
    if offset <= 1:
        raise ValueError(f"class_weights.formula.offset={offset}: expected more than 1")
    pixels, occurs = _occurring(counts)
    return _placed(1 / np.log(offset + pixels.sum(0) / pixels.sum()), occurs)


def effective_number(counts: Counts, beta: float = 0.9999999) -> Weights:
    """(1 - beta) / (1 - beta^n), n a class's pixels, scaled to a mean of 1 over the classes that occur.

    beta = 1 - 1/N: a class of far more than N pixels gains nothing from further ones, one of far fewer is
        weighted by its inverse frequency.  The paper's 0.9 to 0.9999 are for pictures: of pixels every class
        has more than 10,000, and all would weigh the same.
    Source: Cui et al., "Class-balanced loss based on effective number of samples", 2019.
    Raises ValueError: beta outside (0, 1).
    """
    if not 0 < beta < 1:
        raise ValueError(f"class_weights.formula.beta={beta}: expected a number between 0 and 1")
    pixels, occurs = _occurring(counts)
    weights = -1 / np.expm1(pixels.sum(0) * np.log(beta))  # 1 - beta goes out with the scaling
    return _placed(weights / weights.mean(), occurs)


def _occurring(counts: Counts) -> tuple[Counts, NDArray[np.bool_]]:
    """The columns of the classes that occur, and which of the C these are."""
    occurs = counts[:, :-1].sum(0) > 0
    return counts[:, :-1][:, occurs], occurs


def _placed(weights: Weights, occurs: NDArray[np.bool_]) -> Weights:
    placed = np.zeros(len(occurs))
    placed[occurs] = weights
    return placed
