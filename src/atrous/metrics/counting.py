"""The shell around metrics.counts: the processor counts pictures while the device predicts others."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from atrous.background import Background
from atrous.labels import LabelSet
from atrous.metrics.counts import PictureCounts, count_picture


class Counting:
    """The counts of an evaluation's pictures on this device.

    boundary_width: as metrics.boundary.distance.
    """

    def __init__(self, labels: LabelSet, boundary_width: float) -> None:
        self.labels = labels
        self.boundary_width = boundary_width
        self._background: Background[PictureCounts] = Background()

    def add(
        self,
        names: Sequence[str],
        truth: Tensor,
        predicted: Tensor,
        confidence: Tensor,
        objects: Tensor | None,
    ) -> None:
        """Have a batch counted; what of its pictures is as in ``count_picture``, with N before it.

        Raises what went wrong with an earlier one.
        """
        arrays = on_processor([truth, predicted, confidence, objects])
        for row, name in enumerate(names):
            self._background.submit(name, partial(self._count, name, row, arrays))

    def finish(self) -> list[PictureCounts]:
        """Wait for all, and hand them over in order.  Raises what went wrong."""
        return self._background.finish()

    def _count(self, name: str, row: int, arrays: Callable[[], list[Any]]) -> PictureCounts:
        truth, predicted, confidence, objects = arrays()
        return count_picture(
            name,
            truth[row],
            predicted[row],
            self.labels,
            self.boundary_width,
            confidence[row],
            None if objects is None else objects[row],
        )


def on_processor(tensors: Sequence[Tensor | None]) -> Callable[[], list[Any]]:
    """Begin to copy tensors to the processor.  What is returned waits for the end: NumPy arrays, or None."""
    copies = [None if each is None else each.to("cpu", non_blocking=True) for each in tensors]
    copied = None
    if any(each is not None and each.is_cuda for each in tensors):
        copied = torch.cuda.current_stream().record_event()

    def arrays() -> list[Any]:
        if copied is not None:
            copied.synchronize()
        return [None if each is None else each.numpy() for each in copies]

    return arrays
