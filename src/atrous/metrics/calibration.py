"""Calibration: whether a network is right as often as it is sure.

Source: Guo et al., "On calibration of modern neural networks", 2017 (expected calibration error, 15 bins).
"""

import numpy as np
from numpy.typing import NDArray

from atrous.metrics.confusion import Values, ratio

NUM_BINS = 15


def calibration_counts(
    confidence: NDArray[np.float32], correct: NDArray[np.bool_], labelled: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """By bins of confidence of equal width: pixels, sum of their confidences, correct ones: float64 (15, 3).

    confidence: float32 (H, W) in [0, 1], the probability of the predicted class.
    correct, labelled: bool (H, W); only labelled pixels count.
    """
    sure = confidence[labelled]
    bins = np.minimum((sure * NUM_BINS).astype(np.uint8), NUM_BINS - 1)
    right = np.bincount(bins[correct[labelled]], minlength=NUM_BINS)
    total = np.bincount(bins, weights=sure, minlength=NUM_BINS)
    return np.stack([np.bincount(bins, minlength=NUM_BINS), total, right], axis=1).astype(np.float64)


def calibration_error(counts: NDArray[np.float64]) -> Values:
    """The expected calibration error, (...) in [0, 1]: the gap between confidence and accuracy, over bins.

    counts: float64 (..., 15, 3) of ``calibration_counts``; with no pixel in it: nan.
    """
    pixels, confidence, correct = np.moveaxis(counts, -1, 0)
    return ratio(np.abs(confidence - correct).sum(-1), pixels.sum(-1))
