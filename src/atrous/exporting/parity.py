"""Whether a file computes what the network computes, on real pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from atrous.exporting.formats import Logits, Pixels, Run
from atrous.exporting.graph import Graph
from atrous.exporting.to_torch import run_by
from atrous.metrics.confusion import confusion_matrix, mean_scores
from atrous.module import SegmentationModule


class Sample(NamedTuple):
    """A picture: uint8 (H, W, 3), RGB, and its labels: uint8 (H, W), or None where there are none."""

    name: str
    image: Pixels
    truth: Pixels | None


@dataclass(frozen=True)
class Parity:
    """How far a file is from its network.

    logits: the largest difference of a logit.  pixels: the share of pixels with another label.
    miou_before, miou_after: of the network and of the file, in [0, 1]; None: the pictures have no labels.
    """

    num_pictures: int
    logits: float
    pixels: float
    miou_before: float | None
    miou_after: float | None

    @property
    def miou(self) -> float | None:
        """The loss of mIoU; below 0: a gain."""
        if self.miou_before is None or self.miou_after is None:
            return None
        return self.miou_before - self.miou_after


@dataclass(frozen=True)
class Tolerance:
    """What a file may differ by, as ``Parity`` has it; None: whatever it is."""

    logits: float | None = None
    pixels: float | None = None
    miou: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError: no number, below 0, or nothing at all."""
        for name, value in vars(self).items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and (not number or not 0 <= value < float("inf")):
                raise ValueError(f"tolerance.{name}={value}: expected a number, 0 or more, or null")

    def exceeded(self, parity: Parity) -> list[str]:
        """What is above it, each as a part of a sentence."""
        found = []
        for name, limit in vars(self).items():
            value = getattr(parity, name)
            if limit is not None and value is not None and not value <= limit:  # nan is above everything
                found.append(f"{name} {value:.3g} (tolerance.{name}={limit:g})")
        return found


def reference(module: SegmentationModule, graph: Graph) -> Run:
    """What the network says: the labels of ``atrous predict``, and the logits."""

    def run(images: Pixels) -> tuple[Pixels, Logits]:
        with torch.inference_mode():
            labels = module.predict(torch.from_numpy(images).permute(0, 3, 1, 2)).labels.numpy()
        return labels, run_by(graph)(images)[1]

    return run


def compare(expected: Run, found: Run, samples: Iterable[Sample], num_classes: int) -> Parity:
    """Run both on each picture.  Raises ValueError: there is none, or the file gives other shapes."""
    before = after = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    logits, other, total, num, labelled = 0.0, 0, 0, 0, True
    for sample in samples:
        ours, theirs = expected(sample.image[None]), found(sample.image[None])
        _require_same_shapes(sample.name, ours, theirs)
        logits = float(np.maximum(logits, np.abs(ours[1] - theirs[1]).max()))  # nan stays nan
        other, total, num = other + int((ours[0] != theirs[0]).sum()), total + ours[0].size, num + 1
        labelled = labelled and sample.truth is not None
        if sample.truth is not None:
            before = before + confusion_matrix(sample.truth, ours[0][0], num_classes)
            after = after + confusion_matrix(sample.truth, theirs[0][0], num_classes)
    if not num:
        raise ValueError("no picture to compare the exported file on")
    miou = [float(mean_scores(each)["miou"]) if labelled else None for each in (before, after)]
    return Parity(num, logits, other / total, miou[0], miou[1])


def _require_same_shapes(name: str, ours: Sequence[NDArray[Any]], theirs: Sequence[NDArray[Any]]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        if one.shape != other.shape or one.dtype != other.dtype:
            raise ValueError(
                f"{name}: the file gives {other.dtype} {other.shape}, the network {one.dtype} {one.shape}: "
                "its sizes are those that it was recorded with; choose another format"
            )
