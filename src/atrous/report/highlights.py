"""What to look at in an evaluation: which pictures, which confusions, which classes of a picture."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from atrous.metrics.confusion import Values
from atrous.metrics.evaluation import Evaluation


class Confusion(NamedTuple):
    """Pixels of one class that were predicted as another.

    pixels: how many.  share: of the true class's pixels, in (0, 1].  error_share: of all wrong pixels.
    """

    truth: str
    predicted: str
    pixels: int
    share: float
    error_share: float


def worst_pictures(evaluation: Evaluation, num: int) -> list[str]:
    """The names of the pictures of smallest mIoU, smallest first; one without labelled pixels is none."""
    mious = evaluation.picture_miou
    order = np.argsort(mious, kind="stable")[:num]  # nan comes last, equal ones stay ordered by name
    return [evaluation.names[index] for index in order if not np.isnan(mious[index])]


def random_pictures(names: Iterable[str], num: int) -> list[str]:
    """As good as random, and the same for every model that was scored on these pictures: by their hashes."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:num]


def confusions(matrix: NDArray[np.int64], names: Sequence[str]) -> list[Confusion]:
    """All that were made, the largest share of a true class first.

    matrix: int64 (C, C + 1), rows = truth, the last column predictions that are no class.
    names: of the columns.
    """
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    truth, predicted = np.nonzero(wrong)
    pixels, totals = wrong[truth, predicted], matrix.sum(1)[truth]
    found = [
        Confusion(names[row], names[column], int(count), float(count / total), float(count / wrong.sum()))
        for row, column, count, total in zip(truth.tolist(), predicted.tolist(), pixels, totals, strict=True)
    ]
    return sorted(found, key=lambda each: (each.share, each.pixels), reverse=True)


def picture_matrix(evaluation: Evaluation, index: int) -> NDArray[np.int64]:
    """The confusion matrix of one picture's labelled pixels: int64 (C, C + 1)."""
    side = evaluation.labels.num_classes + 1
    return np.asarray(evaluation.confusion[[index]].toarray(), np.int64).reshape(side, side)[:-1]


def lowest(iou: Values, classes: Sequence[str], num: int) -> list[tuple[str, float]]:
    """The classes of smallest IoU and what it is, smallest first; absent ones (nan) are left out.

    iou: float64 (C,).
    """
    return [
        (classes[index], float(iou[index]))
        for index in np.argsort(iou, kind="stable")[:num]
        if not np.isnan(iou[index])
    ]
