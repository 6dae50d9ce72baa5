"""From a network to labels at the picture's own size: whole or in windows, at one scale or several, mirrored
or not.

What is averaged are probabilities, at native size: those of a view over its windows, then those of the views.
Logits exist for one window at a time; what is kept besides is one float a class and pixel of the picture, and
with a single window of a single view not even that.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIP_BYTES = 16 * 2**20  # of class scores that are worked on at once


class Prediction(NamedTuple):
    """labels: uint8 (N, H, W).  confidence: float32 (N, H, W), the probability of the label, in [0, 1]."""

    labels: Tensor
    confidence: Tensor


@dataclass(frozen=True)
class Inference:
    """How evaluation gets labels from a network.

    scales: of the pictures that the network sees, a view each.
    flip: a mirrored view of each besides, in which classes are swapped back by the label set's mirror pairs.
    window, stride: (height, width) in pixels of what the network sees; the last row and column of windows are
        shifted inside, and a side that is smaller than the window is one window.  None: whole pictures.
    """

    scales: Sequence[float] = (1.0,)
    flip: bool = False
    window: Sequence[int] | None = None
    stride: Sequence[int] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError: no or impossible scales, or windows that would leave pixels out."""
        scales: Any = self.scales
        if not isinstance(scales, Sequence) or not scales or not all(_scale(scale) for scale in scales):
            raise ValueError(
                f"inference.scales={scales}: expected a list of numbers from 0.01 to 100, such as [0.5, 1.0]"
            )
        if not isinstance(self.flip, bool):
            raise ValueError(f"inference.flip={self.flip}: expected true or false")
        sizes: Any = (self.window, self.stride)
        if sizes == (None, None):
            return
        if not all(_pixels(size) for size in sizes):
            raise ValueError(
                f"inference.window={self.window}, inference.stride={self.stride}: expected [height, width] "
                "in whole pixels each, or neither"
            )
        if not all(0 < step <= side for side, step in zip(*sizes, strict=True)):
            raise ValueError(
                f"inference.stride={list(sizes[1])} with inference.window={list(sizes[0])}: expected 0 < "
                "stride <= window, or pixels between the windows would have no prediction"
            )

    def __call__(self, net: nn.Module, images: Tensor, mirror: Sequence[int] | None = None) -> Prediction:
        """Labels of pictures of one size.

        net: images -> logits (N, C, h, w) of the images' size.  images: float (N, 3, H, W), normalised.
        mirror: the class that each of the C classes is in a mirrored picture; None: itself.
        """
        sides = (False, True) if self.flip else (False,)
        views = [(scale, flipped) for scale in self.scales for flipped in sides]
        size = (images.shape[-2], images.shape[-1])
        if len(views) == 1 and len(list(self._windows(size, self.scales[0]))) == 1:
            return _of_logits(_logits(net, images, *views[0], mirror))
        total: Tensor | None = None
        for scale, flipped in views:
            windows = list(self._windows(size, scale))
            share = 1 / (len(views) * _coverage(windows, size, images.device))
            for rows, columns in windows:
                logits = _logits(net, images[..., rows, columns], scale, flipped, mirror)
                if total is None:
                    total = logits.new_zeros((len(images), logits.shape[1], *size), dtype=torch.float32)
                _add(total[..., rows, columns], logits, share[rows, columns])
        assert total is not None
        return _of_probabilities(total)

    def seen(self, size: Sequence[int]) -> Counter[tuple[int, int]]:
        """How often the network sees an input of (height, width) for one picture of (height, width)."""
        inputs: Counter[tuple[int, int]] = Counter()
        for scale in self.scales:
            for rows, columns in self._windows((size[0], size[1]), scale):
                window = (rows.stop - rows.start, columns.stop - columns.start)
                inputs[_seen(window, scale)] += 2 if self.flip else 1
        return inputs

    def _windows(self, size: tuple[int, int], scale: float) -> Iterator[tuple[slice, slice]]:
        """The windows' rows and columns in the picture at native size."""
        if self.window is None or self.stride is None:
            yield slice(0, size[0]), slice(0, size[1])
            return
        height, width = (
            min(side, _native(seen, scale)) for side, seen in zip(size, self.window, strict=True)
        )
        for top in starts(size[0], height, min(height, _native(self.stride[0], scale))):
            for left in starts(size[1], width, min(width, _native(self.stride[1], scale))):
                yield slice(top, top + height), slice(left, left + width)


def _seen(size: Sequence[int], scale: float) -> tuple[int, int]:
    """(height, width) that the network sees of so many pixels of the picture."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _native(seen: int, scale: float) -> int:
    """Pixels of the picture for so many that the network sees."""
    return max(1, round(seen / scale))


def starts(length: int, window: int, stride: int) -> list[int]:
    """Where windows begin so that they cover 0..length; the last one ends at ``length``."""
    last = length - window
    return [*range(0, last, stride), last]


def resize(values: Tensor, size: Sequence[int]) -> Tensor:
    """Float (N, K, H, W) at another (height, width), linearly (align_corners=False); else as it is."""
    if values.shape[-2:] == tuple(size):
        return values
    return F.interpolate(values, tuple(size), mode="bilinear")


def _logits(
    net: nn.Module, images: Tensor, scale: float, flipped: bool, mirror: Sequence[int] | None
) -> Tensor:
    """The network's logits for a view of ``images``, brought back to their size and side."""
    size = images.shape[-2:]
    seen = resize(images, _seen(size, scale))
    logits: Tensor = resize(net(seen.flip(-1) if flipped else seen), size)
    if not flipped:
        return logits
    swaps = mirror is not None and list(mirror) != list(range(len(mirror)))
    return (logits[:, mirror] if swaps else logits).flip(-1)


def _coverage(windows: Sequence[tuple[slice, slice]], size: tuple[int, int], device: torch.device) -> Tensor:
    """How many windows see each pixel: float (H, W)."""
    count = torch.zeros(size, device=device)
    for rows, columns in windows:
        count[rows, columns] += 1
    return count


def _strips(values: Tensor) -> Iterator[slice]:
    """Rows of (N, C, H, W) that are worked on at once, so that little memory is needed beside ``values``."""
    row_bytes = values[..., :1, :].numel() * 4
    step = max(1, STRIP_BYTES // max(1, row_bytes))
    for top in range(0, values.shape[-2], step):
        yield slice(top, top + step)


def _add(total: Tensor, logits: Tensor, share: Tensor) -> None:
    """Add the probabilities to float32 (N, C, h, w), weighted by float (h, w)."""
    for rows in _strips(logits):
        total[..., rows, :] += logits[..., rows, :].float().softmax(1).mul_(share[rows])


def _of_logits(logits: Tensor) -> Prediction:
    labels, confidence = _empty(logits)
    for rows in _strips(logits):
        part = logits[..., rows, :].float()
        largest, index = part.max(1)
        _require_finite(largest)
        labels[..., rows, :] = index.to(torch.uint8)
        confidence[..., rows, :] = (largest - part.logsumexp(1)).exp()
    return Prediction(labels, confidence)


def _of_probabilities(probabilities: Tensor) -> Prediction:
    labels, confidence = _empty(probabilities)
    for rows in _strips(probabilities):
        largest, index = probabilities[..., rows, :].max(1)
        _require_finite(largest)
        labels[..., rows, :], confidence[..., rows, :] = index.to(torch.uint8), largest
    return Prediction(labels, confidence.clamp_(max=1.0))


def _empty(values: Tensor) -> Prediction:
    """Room for the prediction of class scores (N, C, H, W), C <= 254."""
    labels = values.new_empty((len(values), *values.shape[-2:]), dtype=torch.uint8)
    return Prediction(labels, torch.empty_like(labels, dtype=torch.float32))


def _require_finite(largest: Tensor) -> None:
    """Raises ValueError: a score that is not a number, which would look like a prediction of class 0."""
    if not torch.isfinite(largest).all():
        raise ValueError("the network's output is not finite: the weights have diverged; lower optimizer.lr")


def _pixels(size: object) -> bool:
    return isinstance(size, Sequence) and len(size) == 2 and all(type(side) is int for side in size)


def _scale(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.01 <= value <= 100
