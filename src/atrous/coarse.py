"""Logits before their last upsampling, which are brought to the picture's size a few rows at a time.

At full size the logits of a 2048x1024 picture with 19 classes are 159 MB, and most of what an evaluation does
after the network is to carry them through memory.  A few rows of them are upsampled, looked at and forgotten.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Size = tuple[int, int]


class Coarse(NamedTuple):
    """Logits at a picture's size that are not computed yet.

    values: float (N, K, h, w), to be upsampled linearly (align_corners=False) to ``padded`` = (H', W').
    padded: what they cover: the picture, and below and right of it padding that is then cut.
    size: (H, W) of the picture.
    finish: float (N, K, rows, W') -> logits float (N, C, rows, W'), pixel by pixel; None: they are logits.
    """

    values: Tensor
    padded: Size
    size: Size
    finish: Callable[[Tensor], Tensor] | None = None

    def whole(self) -> Tensor:
        """The logits, float (N, C, H, W)."""
        values = resize(self.values, self.padded)
        logits = values if self.finish is None else self.finish(values)
        return logits[..., : self.size[0], : self.size[1]]

    def rows(self, top: int, bottom: int) -> Tensor:
        """Rows top..bottom of ``whole``, without the others: float (N, C, bottom - top, W)."""
        height = self.values.shape[-2]
        values = strip(lambda first, last: self.values[..., first:last, :], height, self.padded, top, bottom)
        logits = values if self.finish is None else self.finish(values)
        return logits[..., : self.size[1]]


class CoarseNet(nn.Module):
    """A network whose last step is an upsampling, and that can leave it out."""

    @abstractmethod
    def coarse(self, images: Tensor) -> Coarse:
        """images: float (N, 3, H, W), normalised -> its logits, upsampled later."""


def strip(read: Callable[[int, int], Tensor], height: int, size: Size, top: int, bottom: int) -> Tensor:
    """Rows top..bottom of what ``resize`` makes of float (N, K, height, w): (N, K, bottom - top, W).

    read: (first, last) -> those rows of it; called for the few that are needed.
    """
    if height == size[0]:
        return resize(read(top, bottom), (bottom - top, size[1]))
    scale = height / size[0]
    # A row more at each side than the formula needs, whichever way it is rounded on the device.
    first = max(0, int((top + 0.5) * scale - 0.5) - 1)
    last = min(height, int((bottom - 0.5) * scale - 0.5) + 3)
    values = read(first, last).contiguous()  # channels_last makes what follows several times slower
    # In float64, or where a strip begins would show in the last digits.
    rows = torch.arange(top, bottom, device=values.device, dtype=torch.float64)
    source = ((rows + 0.5) * scale - 0.5).clamp_(0, height - 1) - first
    above = source.long()
    below = (above + 1).clamp_(max=last - first - 1)
    share = (source - above)[:, None]
    mixed = torch.lerp(values.index_select(2, above), values.index_select(2, below), share.to(values.dtype))
    return resize(mixed, (bottom - top, size[1]))


def resize(values: Tensor, size: Size) -> Tensor:
    """Float (N, K, h, w) at another (height, width), linearly (align_corners=False); else as it is."""
    if values.shape[-2:] == tuple(size):
        return values
    return F.interpolate(values, tuple(size), mode="bilinear")


def is_recorded() -> bool:
    """Whether the network is being recorded as a graph, for an export: what is decided then stays so."""
    traced: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return traced or torch.compiler.is_exporting()
