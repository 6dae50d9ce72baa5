"""What is counted in one picture: everything that scores are made of, and that adds up over pictures."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from atrous.labels import LabelSet
from atrous.metrics.boundary import NUM_PARTS, boundary_parts, counts_of_parts
from atrous.metrics.calibration import calibration_counts
from atrous.metrics.confusion import confusion_matrices
from atrous.metrics.instances import Objects, instance_counts

BOUNDARY_WIDTH = 0.02


class PictureCounts(NamedTuple):
    """What one picture adds.

    size: (H, W) in pixels.
    cells, pixels: int64 (n,), the filled cells of the confusion matrix, by their place in it as it lies flat:
        few pairs of classes occur in one picture.
    boundary: int64 (C, 2), as metrics.boundary.
    calibration: float64 (15, 3), as metrics.calibration; (0, 3) where no confidences are known.
    instances: float64 (G, 2), as metrics.instances, of ``instance_groups``; (0, 2) where no objects are
        known.
    """

    name: str
    size: tuple[int, int]
    cells: NDArray[np.int64]
    pixels: NDArray[np.int64]
    boundary: NDArray[np.int64]
    calibration: NDArray[np.float64]
    instances: NDArray[np.float64]


def count_picture(
    name: str,
    truth: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    labels: LabelSet,
    boundary_width: float = BOUNDARY_WIDTH,
    confidence: NDArray[np.float32] | None = None,
    objects: Objects | None = None,
) -> PictureCounts:
    """Count one picture.

    truth: uint8 (H, W), 0..C-1 and the ignore index.  predicted: uint8 (H, W); C and above is no class.
    boundary_width: as metrics.boundary.distance.
    confidence: float32 (H, W) in [0, 1], the probability of the predicted class; None: not known.
    objects: as metrics.instances; None: not known.
    """
    labelled = truth < labels.num_classes
    calibration = np.zeros((0, 3))
    if confidence is not None:
        calibration = calibration_counts(confidence, predicted == truth, labelled)
    instances = np.zeros((0, 2))
    if objects is not None:
        groups = list(instance_groups(labels).values())
        instances = instance_counts(objects, predicted, labels.instance_sizes, groups)
    parts = boundary_parts(truth, predicted, labels.num_classes, boundary_width)
    by_part = confusion_matrices(truth, predicted, parts, labels.num_classes, NUM_PARTS)
    confusion = by_part.sum(0).ravel()
    cells = np.flatnonzero(confusion)
    return PictureCounts(
        name,
        (truth.shape[0], truth.shape[1]),
        cells,
        confusion[cells],
        counts_of_parts(by_part),
        calibration,
        instances,
    )


def confusion_of(pictures: Iterable[PictureCounts], num_classes: int) -> NDArray[np.int64]:
    """The confusion matrix of all pictures, of which there may be none: int64 (C + 1, C + 1)."""
    side = num_classes + 1
    confusion = np.zeros(side * side, np.int64)
    for picture in pictures:
        confusion[picture.cells] += picture.pixels
    return confusion.reshape(side, side)


def instance_groups(labels: LabelSet) -> dict[str, tuple[int, ...]]:
    """Whose objects are counted: the classes that have any, then the categories of such classes alone."""
    classes = {labels.classes[index]: (index,) for index in labels.instance_sizes}
    counted = set(labels.instance_sizes)
    return classes | {name: members for name, members in labels.categories.items() if set(members) <= counted}
