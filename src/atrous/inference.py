"""From a network to class scores at the picture's own size: whole pictures, or sliding windows.

Every mode is a function (net, images) -> float (N, C, H, W) whose largest entry a pixel is the prediction.
images: float (N, 3, H, W), normalised.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Inference = Callable[[nn.Module, Tensor], Tensor]


def whole(net: nn.Module, images: Tensor, scale: float = 1.0) -> Tensor:
    """The network's logits for the whole picture.

    scale: of the pictures that the network sees; its logits are brought back to the native size.
    Raises ValueError: a scale that is no positive number.
    """
    if not isinstance(scale, int | float) or scale <= 0:
        raise ValueError(f"inference.scale={scale}: expected a number above 0, such as 0.5 for half the size")
    size = images.shape[-2:]
    seen = [max(1, round(side * scale)) for side in size]
    logits: Tensor = net(resize(images, seen))
    return resize(logits, size)


def resize(values: Tensor, size: Sequence[int]) -> Tensor:
    """Float (N, K, H, W) at another (height, width), linearly; as it is where the size stays."""
    if values.shape[-2:] == tuple(size):
        return values
    return F.interpolate(values, tuple(size), mode="bilinear")


def slide(net: nn.Module, images: Tensor, window: Sequence[int], stride: Sequence[int]) -> Tensor:
    """Probabilities averaged over windows that cover the picture; the last row and column are shifted inside.

    window, stride: (height, width) in pixels.  A picture smaller than the window is one window.
    Raises ValueError: a stride larger than the window, which would leave pixels out.
    """
    if isinstance(window, int) or isinstance(stride, int):
        raise ValueError(
            f"inference.window={window}, inference.stride={stride}: expected [height, width] each"
        )
    if not all(0 < step <= side for step, side in zip(stride, window, strict=True)):
        raise ValueError(
            f"inference.stride={list(stride)} with inference.window={list(window)}: expected 0 < stride <= "
            "window, or pixels between the windows would have no prediction"
        )
    size = images.shape[-2:]
    height, width = (min(side, limit) for side, limit in zip(window, size, strict=True))
    total, count = None, images.new_zeros(size)
    for top in starts(size[0], height, stride[0]):
        for left in starts(size[1], width, stride[1]):
            place = (..., slice(top, top + height), slice(left, left + width))
            probabilities = net(images[place]).float().softmax(1)
            if total is None:
                total = probabilities.new_zeros((len(images), probabilities.shape[1], *size))
            total[place] += probabilities
            count[place] += 1
    assert total is not None
    averaged: Tensor = total / count
    return averaged


def starts(length: int, window: int, stride: int) -> list[int]:
    """Where windows begin so that they cover 0..length; the last one ends at ``length``."""
    last = length - window
    return [*range(0, last, stride), last]


def most_likely(class_scores: Tensor) -> Tensor:
    """The index of the largest score a pixel: uint8 (N, H, W).  class_scores: (N, C, H, W), C <= 255.

    Raises ValueError: a score that is not a number, which would look like a prediction of class 0.
    """
    largest, index = class_scores.max(1)
    if not torch.isfinite(largest).all():
        raise ValueError("the network's output is not finite: the weights have diverged; lower optimizer.lr")
    return index.to(torch.uint8)
