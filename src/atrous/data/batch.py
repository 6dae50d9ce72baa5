"""What travels from the loaders to a step."""

from typing import TypedDict

from torch import Tensor


class Batch(TypedDict):
    """What a step gets.

    images: uint8 (N, 3, H, W).  labels: uint8 (N, H, W), 0..C-1 and the ignore index.  names: N of them.
    objects: int32 (N, H, W), as metrics.instances; None where none are known, and in training.
    colors: float32 (N, K), drawn for colours that change on the device; None where they do not.
    """

    images: Tensor
    labels: Tensor
    names: list[str]
    objects: Tensor | None
    colors: Tensor | None
