"""An evaluation: what was counted in each picture, from which every score, interval and comparison follows.

Counts add up, so that nothing depends on how pictures were dealt out to devices or batches.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from atrous.labels import LabelSet
from atrous.metrics.bootstrap import interval, resamples
from atrous.metrics.calibration import NUM_BINS, calibration_error
from atrous.metrics.confusion import (
    Values,
    class_scores,
    mean,
    mean_scores,
    merged,
    ratio,
    void_definitions,
)
from atrous.metrics.counts import BOUNDARY_WIDTH, PictureCounts, instance_groups
from atrous.metrics.instances import instance_iou

# What NumPy, SciPy and a label set say of a file that is damaged or of another kind.
UNREADABLE = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    OSError,
    OverflowError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
CHUNK_BYTES = 64 * 2**20  # of confusion matrices that are looked at together


@dataclass(frozen=True)
class Evaluation:
    """The counts of P pictures.

    names: of the pictures, in order.  sizes: int64 (P, 2), (H, W).
    confusion: a matrix a row, int64 (P, (C + 1)^2), as metrics.confusion.
    boundary: int64 (P, C, 2).  calibration: float64 (P, 15 or 0, 3).  instances: float64 (P, G or 0, 2).
    boundary_width: that the boundary regions were taken with.
    """

    labels: LabelSet
    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    confusion: sparse.csr_array
    boundary: NDArray[np.int64]
    calibration: NDArray[np.float64]
    instances: NDArray[np.float64]
    boundary_width: float = BOUNDARY_WIDTH

    @classmethod
    def of(
        cls, pictures: Iterable[PictureCounts], labels: LabelSet, boundary_width: float = BOUNDARY_WIDTH
    ) -> "Evaluation":
        """The pictures' counts, ordered by name.  Raises ValueError: there is none."""
        counted = sorted(pictures, key=lambda picture: picture.name)
        if not counted:
            raise ValueError("no picture was scored")
        cells = (labels.num_classes + 1) ** 2
        starts = np.cumsum([0, *(len(picture.cells) for picture in counted)])
        return cls(
            labels,
            tuple(picture.name for picture in counted),
            np.array([picture.size for picture in counted], np.int64),
            sparse.csr_array(
                (
                    np.concatenate([picture.pixels for picture in counted]),
                    np.concatenate([picture.cells for picture in counted]),
                    starts,
                ),
                shape=(len(counted), cells),
            ),
            np.stack([picture.boundary for picture in counted]),
            np.stack([picture.calibration for picture in counted]),
            np.stack([picture.instances for picture in counted]),
            boundary_width,
        )

    @property
    def num_pictures(self) -> int:
        """P."""
        return len(self.names)

    @property
    def commonest_size(self) -> tuple[int, int]:
        """(H, W) of most pictures."""
        sizes, counts = np.unique(self.sizes, axis=0, return_counts=True)
        height, width = sizes[counts.argmax()].tolist()
        return height, width

    @cached_property
    def total(self) -> NDArray[np.int64]:
        """The confusion matrix of all pictures: int64 (C + 1, C + 1)."""
        side = self.labels.num_classes + 1
        return np.asarray(self.confusion.sum(axis=0), np.int64).reshape(side, side)

    @cached_property
    def picture_iou(self) -> Values:
        """The IoU of each class in each picture: float64 (P, C)."""
        return np.concatenate([class_scores(part)["iou"] for part in self.matrices()])

    @cached_property
    def picture_miou(self) -> Values:
        """The mIoU of each picture: float64 (P,); nan without labelled pixels."""
        return mean(self.picture_iou)

    def matrices(self) -> Iterator[NDArray[np.int64]]:
        """The confusion matrices, int64 (n, C + 1, C + 1), of n pictures after n others."""
        side = self.labels.num_classes + 1
        step = max(1, CHUNK_BYTES // (8 * side * side))
        for start in range(0, self.num_pictures, step):
            yield self.confusion[start : start + step].toarray().reshape(-1, side, side)

    def scores(self) -> dict[str, Values]:
        """Every score by name, of all pictures: a number, or one a class or category (float64)."""
        return {name: values[0] for name, values in self.resampled(np.ones((1, self.num_pictures))).items()}

    def intervals(self) -> dict[str, Values]:
        """The 95 % bootstrap interval of every score, (2, ...): its lower and upper end."""
        return {name: interval(values) for name, values in self.bootstrap().items()}

    def bootstrap(self) -> dict[str, Values]:
        """Every score of each of 1,000 resamples: (1000, ...)."""
        weights = resamples(self.num_pictures)
        side = self.labels.num_classes + 1
        step = max(1, CHUNK_BYTES // (8 * side * side))
        parts = [self.resampled(weights[start : start + step]) for start in range(0, len(weights), step)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def resampled(self, weights: NDArray[Any]) -> dict[str, Values]:
        """Every score of the pictures taken as often as the weights say, (R, ...).  weights: (R, P)."""
        weights = np.asarray(weights, np.float64)
        labels, side = self.labels, self.labels.num_classes + 1
        confusion = np.asarray(weights @ self.confusion).reshape(-1, side, side)
        boundary = _summed(weights, self.boundary)
        boundary_iou = ratio(boundary[..., 0], boundary[..., 1])
        found = mean_scores(confusion)
        found |= {"mean_boundary_iou": mean(boundary_iou)}
        found |= self._per_picture(weights) | void_definitions(confusion)
        if self.calibration.shape[1]:
            found["calibration_error"] = calibration_error(_summed(weights, self.calibration))
        if labels.categories:
            iou = class_scores(merged(confusion, list(labels.categories.values())))["iou"]
            found |= {"category_miou": mean(iou), "category_iou": iou}
        if self.instances.shape[1]:
            groups = instance_groups(labels)
            iou = instance_iou(_summed(weights, self.instances), confusion, list(groups.values()))
            num_classes = len(labels.instance_sizes)
            found |= {
                "instance_miou": mean(iou[..., :num_classes]),
                "instance_iou": iou[..., :num_classes],
                "instance_category_miou": mean(iou[..., num_classes:]),
                "instance_category_iou": iou[..., num_classes:],
            }
        return found | class_scores(confusion) | {"boundary_iou": boundary_iou}

    def _per_picture(self, weights: NDArray[np.float64]) -> dict[str, Values]:
        """What averages over pictures: the mean of their mIoUs, by what an absent class is taken for."""
        scored = ~np.isnan(self.picture_miou)
        num_scored = weights @ scored
        total = np.nansum(self.picture_iou, axis=1)
        num_classes = self.labels.num_classes
        return {
            "miou_per_image": ratio(weights @ np.where(scored, self.picture_miou, 0.0), num_scored),
            "miou_per_image_absent_as_zero": ratio(weights @ (total / num_classes), num_scored),
            "miou_per_image_over_classes_plus_one": ratio(weights @ (total / (num_classes + 1)), num_scored),
        }

    def columns(self) -> dict[str, tuple[str, ...]]:
        """What the entries of those scores that are not one number belong to: classes or categories."""
        groups = tuple(instance_groups(self.labels))
        num_classes = len(self.labels.instance_sizes)
        by_class = dict.fromkeys(("iou", "dice", "precision", "recall", "boundary_iou"), self.labels.classes)
        return by_class | {
            "category_iou": tuple(self.labels.categories),
            "instance_iou": groups[:num_classes],
            "instance_category_iou": groups[num_classes:],
        }

    def fingerprints(self) -> dict[str, str]:
        """What two scores must share to be comparable: sha256 of the pictures' names, and of their truth.

        The truth is what was counted of it: each picture's size, and its pixels of each class and ignored.
        """
        truth = hashlib.sha256()
        for part in self.matrices():
            truth.update(part.sum(2).astype("<i8").tobytes())
        truth.update(self.sizes.astype("<i8").tobytes())
        names = hashlib.sha256("\n".join(self.names).encode())
        return {
            "pictures": names.hexdigest(),
            "truth": truth.hexdigest(),
        }

    def save(self, path: Path) -> None:
        """Write everything to ``path`` (.npz): plain arrays, and the label set as JSON."""
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                labels=json.dumps(self.labels.to_dict()),
                names=np.array(self.names),
                sizes=self.sizes,
                pixels=self.confusion.data,
                cells=self.confusion.indices,
                starts=self.confusion.indptr,
                boundary=self.boundary,
                calibration=self.calibration,
                instances=self.instances,
                boundary_width=self.boundary_width,
            )

    @classmethod
    def load(cls, path: Path) -> "Evaluation":
        """The inverse of ``save``.  Raises ValueError: missing or damaged."""
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                stored: Mapping[str, NDArray[Any]] = dict(file)
            return cls._checked(LabelSet.from_dict(json.loads(str(stored["labels"]))), stored)
        except UNREADABLE as error:
            reason = str(error).split(". ")[0]
            raise ValueError(f"{path}: cannot be read as counts ({reason}); evaluate again") from error

    @classmethod
    def _checked(cls, labels: LabelSet, stored: Mapping[str, NDArray[Any]]) -> "Evaluation":
        """The arrays as an evaluation: they may come from somebody else, and SciPy trusts its indices.

        Raises ValueError: shapes or indices that do not fit.
        """
        names = tuple(str(name) for name in stored["names"])
        num_pictures, num_classes = len(names), labels.num_classes
        shape = (num_pictures, (num_classes + 1) ** 2)
        confusion = sparse.csr_array((stored["pixels"], stored["cells"], stored["starts"]), shape=shape)
        confusion.check_format(full_check=True)
        num_bins, num_groups = stored["calibration"].shape[1], stored["instances"].shape[1]
        expected = {
            "sizes": (num_pictures, 2),
            "boundary": (num_pictures, num_classes, 2),
            "calibration": (num_pictures, NUM_BINS if num_bins else 0, 3),
            "instances": (num_pictures, len(instance_groups(labels)) if num_groups else 0, 2),
            "boundary_width": (),
        }
        for name, wanted in expected.items():
            if stored[name].shape != wanted or stored[name].dtype.kind not in "if":
                raise ValueError(f"{name} of shape {stored[name].shape}, expected {wanted}")
        if confusion.dtype.kind != "i" or not num_pictures:
            raise ValueError("no confusion matrices")
        return cls(
            labels,
            names,
            stored["sizes"],
            confusion,
            stored["boundary"],
            stored["calibration"],
            stored["instances"],
            float(stored["boundary_width"]),
        )


def _summed(weights: NDArray[np.float64], counts: NDArray[Any]) -> NDArray[np.float64]:
    """(R, P) times (P, ...) is (R, ...)."""
    flat = weights @ counts.reshape(len(counts), -1)
    return np.asarray(flat.reshape(len(weights), *counts.shape[1:]))
