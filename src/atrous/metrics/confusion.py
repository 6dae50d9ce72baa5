"""The confusion matrix and what follows from it.

It has a row and a column more than there are classes, (C + 1, C + 1): row C are the pixels without a label
(ignored), column C the predictions that are no class, which only other programs make.  Row C enters none of
the scores, save those definitions that are named after it; column C is a miss on every labelled pixel.
All functions take leading axes: many matrices at once.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64] | NDArray[np.float64]
Values = NDArray[np.float64]

CHUNK = 2**16


def confusion_matrix(
    truth: NDArray[np.uint8], predicted: NDArray[np.uint8], num_classes: int
) -> NDArray[np.int64]:
    """int64 (C + 1, C + 1), rows = truth.  truth, predicted: uint8 (H, W); C and above is no class."""
    one_part = np.zeros_like(truth)
    return np.asarray(confusion_matrices(truth, predicted, one_part, num_classes, num_parts=1)[0])


def confusion_matrices(
    truth: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    parts: NDArray[np.uint8],
    num_classes: int,
    num_parts: int,
) -> NDArray[np.int64]:
    """The confusion matrix of each part of a picture: int64 (P, C + 1, C + 1).

    parts: uint8 (H, W), 0..P-1, the part that a pixel belongs to.
    """
    side = num_classes + 1
    counts = np.zeros(num_parts * side * side, np.int64)
    for some in chunks(truth.size):
        part, row, column = (values.ravel()[some] for values in (parts, truth, predicted))
        cells = np.multiply(part, side, dtype=np.int32)
        cells += np.minimum(row, num_classes)
        cells *= side
        cells += np.minimum(column, num_classes)
        counts += np.bincount(cells, minlength=len(counts))
    return counts.reshape(num_parts, side, side)


def chunks(num_pixels: int) -> Iterator[slice]:
    """Pixels that are counted at once: np.bincount widens them to 64 bits, which so stay in the cache.

    It holds the interpreter's lock meanwhile, which so is never long.
    """
    for start in range(0, num_pixels, CHUNK):
        yield slice(start, start + CHUNK)


def class_scores(confusion: Counts) -> dict[str, Values]:
    """The scores a class, (..., C) in [0, 1]: iou, dice, precision, recall.

    A class in neither truth nor prediction is nan.  Precision is nan where a class was never predicted,
    recall where it does not occur in truth.
    """
    correct, truth, predicted = margins(confusion)
    return {
        "iou": ratio(correct, truth + predicted - correct),
        "dice": ratio(2 * correct, truth + predicted),
        "precision": ratio(correct, predicted),
        "recall": ratio(correct, truth),
    }


def mean_scores(confusion: Counts) -> dict[str, Values]:
    """The scores of the whole, (...) in [0, 1]; a nan is left out of every mean.

    miou, mean_dice: the means of iou and dice.  mean_accuracy: the mean of recall.
    pixel_accuracy: correct pixels over labelled pixels.
    frequency_weighted_iou: iou weighted by the class's share of labelled pixels.
    iou_sum_over_sum: the sum of the classes' intersections over the sum of their unions, which some programs
        call mean IoU; where all predictions are classes it is pixel_accuracy / (2 - pixel_accuracy), and
        says nothing of rare classes.
    """
    correct, truth, predicted = margins(confusion)
    by_class = class_scores(confusion)
    union = truth + predicted - correct
    weighted = np.where(truth > 0, truth * by_class["iou"], 0.0)
    return {
        "miou": mean(by_class["iou"]),
        "mean_dice": mean(by_class["dice"]),
        "mean_accuracy": mean(by_class["recall"]),
        "pixel_accuracy": ratio(correct.sum(-1), truth.sum(-1)),
        "frequency_weighted_iou": ratio(weighted.sum(-1), truth.sum(-1)),
        "iou_sum_over_sum": ratio(correct.sum(-1), union.sum(-1)),
    }


def void_definitions(confusion: Counts) -> dict[str, Values]:
    """What mean IoU becomes in programs that do not leave the unlabelled pixels out: (...) in [0, 1].

    miou_void_as_errors: a prediction on an unlabelled pixel is a false positive of its class.
    miou_void_as_class: besides, "unlabelled" is one more class, predicted where no class is.
    """
    everything = np.asarray(confusion, np.float64)
    correct = np.diagonal(everything, axis1=-2, axis2=-1)
    iou = ratio(correct, everything.sum(-1) + everything.sum(-2) - correct)
    return {"miou_void_as_errors": mean(iou[..., :-1]), "miou_void_as_class": mean(iou)}


def merged(confusion: Counts, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """The confusion matrix of groups of classes, such as Cityscapes' categories.

    groups: class indices; a class in none of them counts as no class in prediction, and as no label in truth.
    """
    member = np.zeros((confusion.shape[-1], len(groups) + 1))
    member[:, -1] = 1
    for column, classes in enumerate(groups):
        member[list(classes), column], member[list(classes), -1] = 1, 0
    return np.asarray(member.T @ confusion @ member)


def margins(confusion: Counts) -> tuple[Values, Values, Values]:
    """Correct, true and predicted pixels a class, (..., C), over the labelled pixels."""
    labelled = np.asarray(confusion, np.float64)[..., :-1, :]
    correct = np.diagonal(labelled, axis1=-2, axis2=-1)
    return correct, labelled.sum(-1), labelled.sum(-2)[..., :-1]


def ratio(above: Values, below: Values) -> Values:
    """Their quotient; 0 / 0 is nan: there is nothing to score."""
    empty = np.full(np.shape(below), np.nan)
    return np.asarray(np.divide(above, below, out=empty, where=np.asarray(below) > 0))


def mean(values: Values) -> Values:
    """The mean over the last axis of what is a number; nan where nothing is."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(-1), known.sum(-1).astype(np.float64))
