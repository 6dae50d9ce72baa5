"""What travels from the loaders to a step."""

from typing import TypedDict

from torch import Tensor


class Batch(TypedDict):
    """images: uint8 (N, 3, H, W).  labels: uint8 (N, H, W), 0..C-1 and the ignore index.  names: N of
    them.
    """

    images: Tensor
    labels: Tensor
    names: list[str]
