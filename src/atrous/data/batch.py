"""What travels from the data set to a step: samples, and batches of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor

Room = Callable[[tuple[int, ...], torch.dtype], Tensor]
"""Makes a tensor of a shape and type, whatever is in it."""


class Skipped(NamedTuple):
    """A file that could not be read, and why: another sample took the place of its own."""

    file: str
    reason: str


class Sample(NamedTuple):
    """image: uint8 (3, H, W).  labels: uint8 (H, W), 0..C-1 and the ignore index.  name: of the pair.

    objects: int32 (H, W), as metrics.instances; None where none are known, or augmentation may move pixels.
    colors: float32 (K,), what was drawn for its colours; None where they do not change on the device.
    skipped: what could not be read on the way to it.
    """

    image: Tensor
    labels: Tensor
    name: str
    objects: Tensor | None = None
    colors: Tensor | None = None
    skipped: Sequence[Skipped] = ()


class Batch(TypedDict):
    """What a step gets.

    images: uint8 (N, 3, H, W), channels last in memory.
    labels: uint8 (N, H, W), 0..C-1 and the ignore index.  names: N of them.
    objects: int32 (N, H, W), as metrics.instances; None where none are known, and in training.
    colors: float32 (N, K), drawn for colours that change on the device; None where they do not.
    skipped: what could not be read on the way to them.
    """

    images: Tensor
    labels: Tensor
    names: list[str]
    objects: Tensor | None
    colors: Tensor | None
    skipped: list[Skipped]


def own_room(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Room of this process."""
    return torch.empty(shape, dtype=dtype)


def collate(samples: Sequence[Sample], room: Room = own_room) -> Batch:
    """Samples as one batch.

    Raises ValueError: pictures of different sizes.
    """
    sizes = {tuple(sample.labels.shape) for sample in samples}
    if len(sizes) > 1:
        raise ValueError(
            f"pictures of sizes {sorted(sizes)} (height, width) do not fit one batch; set "
            "data.eval_batch_size=1, and for training an augment that crops"
        )
    return {
        "images": _stacked([sample.image.permute(1, 2, 0) for sample in samples], room).permute(0, 3, 1, 2),
        "labels": _stacked([sample.labels for sample in samples], room),
        "names": [sample.name for sample in samples],
        "objects": _if_known([sample.objects for sample in samples], room),
        "colors": _if_known([sample.colors for sample in samples], room),
        "skipped": [each for sample in samples for each in sample.skipped],
    }


def _if_known(tensors: Sequence[Tensor | None], room: Room) -> Tensor | None:
    known = [tensor for tensor in tensors if tensor is not None]
    return _stacked(known, room) if len(known) == len(tensors) else None


def _stacked(tensors: Sequence[Tensor], room: Room) -> Tensor:
    return torch.stack(list(tensors), out=room((len(tensors), *tensors[0].shape), tensors[0].dtype))
