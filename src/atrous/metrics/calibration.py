"""Calibration: whether a network is right as often as it is sure.

Source: Guo et al., "On calibration of modern neural networks", 2017 (expected calibration error, 15 bins).
"""

import numpy as np
from numpy.typing import NDArray

from atrous.metrics.confusion import Values, chunks, ratio

NUM_BINS = 15


def calibration_counts(
    confidence: NDArray[np.float32], correct: NDArray[np.bool_], labelled: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """By bins of confidence of equal width: pixels, sum of their confidences, correct ones: float64 (15, 3).

    confidence: float32 (H, W) in [0, 1], the probability of the predicted class.
    correct, labelled: bool (H, W); only labelled pixels count.
    """
    kinds = NUM_BINS + 1  # the last one are the pixels without a label
    pixels, total = np.zeros(2 * kinds, np.int64), np.zeros(kinds)
    for some in chunks(confidence.size):
        sure, right, known = confidence.ravel()[some], correct.ravel()[some], labelled.ravel()[some]
        bins = np.minimum((sure * NUM_BINS).astype(np.uint8), NUM_BINS - 1)
        bins[~known] = NUM_BINS
        total += np.bincount(bins, weights=sure, minlength=kinds)
        bins += right * np.uint8(kinds)
        pixels += np.bincount(bins, minlength=2 * kinds)
    mistakes, hits = pixels.reshape(2, kinds)
    return np.stack([mistakes + hits, total, hits], axis=1)[:NUM_BINS].astype(np.float64)


def calibration_error(counts: NDArray[np.float64]) -> Values:
    """The expected calibration error, (...) in [0, 1]: the gap between confidence and accuracy, over bins.

    counts: float64 (..., 15, 3) of ``calibration_counts``; with no pixel in it: nan.
    """
    pixels, confidence, correct = np.moveaxis(counts, -1, 0)
    return ratio(np.abs(confidence - correct).sum(-1), pixels.sum(-1))
