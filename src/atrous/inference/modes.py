"""What is averaged, over which windows and views."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from atrous.inference.labelling import Prediction, of_logits, of_probabilities, strips
from atrous.inference.view import View, seen_size


@dataclass(frozen=True)
class Inference:
    """How evaluation gets labels from a network.

    scales: of the pictures that the network sees, a view each.
    flip: a mirrored view of each besides, in which classes are swapped back by the label set's mirror pairs.
    window, stride: (height, width) in pixels of what the network sees; the last row and column of windows are
        shifted inside, and a side that is smaller than the window is one window.  None: whole pictures.
    window_batch: windows of a picture that the network sees at once, at most; and no more than have as many
        pixels as the picture, so that windows as large as it need no more memory than one.
    """

    scales: Sequence[float] = (1.0,)
    flip: bool = False
    window: Sequence[int] | None = None
    stride: Sequence[int] | None = None
    window_batch: int = 4

    def __post_init__(self) -> None:
        """Raises ValueError: no or impossible scales, or windows that would leave pixels out."""
        scales: Any = self.scales
        if not isinstance(scales, Sequence) or not scales or not all(_scale(scale) for scale in scales):
            raise ValueError(
                f"inference.scales={scales}: expected a list of numbers from 0.01 to 100, such as [0.5, 1.0]"
            )
        if not isinstance(self.flip, bool):
            raise ValueError(f"inference.flip={self.flip}: expected true or false")
        if type(self.window_batch) is not int or self.window_batch < 1:
            raise ValueError(
                f"inference.window_batch={self.window_batch}: expected a whole number of windows, 1 or more"
            )
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
        size = (images.shape[-2], images.shape[-1])
        if (view := self._single_view(net, images, mirror)) is not None:
            return of_logits(view.rows, (len(images), *size), view.row_bytes, images.device)
        return of_probabilities(self._averaged(net, images, mirror))

    def soft(
        self, net: nn.Module, images: Tensor, mirror: Sequence[int] | None = None
    ) -> tuple[Prediction, Tensor]:
        """What a call gives, and the probabilities behind it: float32 (N, C, H, W), in [0, 1], 1 over C.

        Arguments as of a call.  Beside the probabilities nothing of their size is kept.
        """
        if (view := self._single_view(net, images, mirror)) is None:
            averaged = self._averaged(net, images, mirror).clamp_(max=1.0)
            return of_probabilities(averaged), averaged
        num, size = len(images), (images.shape[-2], images.shape[-1])
        prediction = of_logits(view.rows, (num, *size), view.row_bytes, images.device)
        found = images.new_empty((num, view.rows(0, 1).shape[1], *size), dtype=torch.float32)
        for top, bottom in strips(size[0], view.row_bytes):
            found[..., top:bottom, :] = view.rows(top, bottom).float().softmax(1)
        return prediction, found

    def _views(self) -> list[tuple[float, bool]]:
        """Scale, and whether it is mirrored, of each view."""
        sides = (False, True) if self.flip else (False,)
        return [(scale, flipped) for scale in self.scales for flipped in sides]

    def _single_view(self, net: nn.Module, images: Tensor, mirror: Sequence[int] | None) -> View | None:
        """What the network says where it sees each picture once, whole; None: there is more to average."""
        views, size = self._views(), (images.shape[-2], images.shape[-1])
        if len(views) > 1 or len(list(self._windows(size, self.scales[0]))) > 1:
            return None
        return View.of(net, images, *views[0], mirror)

    def _averaged(self, net: nn.Module, images: Tensor, mirror: Sequence[int] | None) -> Tensor:
        """The mean of the probabilities over windows and views, float32 (N, C, H, W)."""
        views, size = self._views(), (images.shape[-2], images.shape[-1])
        total: Tensor | None = None
        for scale, flipped in views:
            windows = list(self._windows(size, scale))
            share = 1 / (len(views) * _coverage(windows, size, images.device))
            step = self._num_at_once(windows, size, scale)
            for start in range(0, len(windows), step):
                some = windows[start : start + step]
                cut = torch.cat([images[..., rows, columns] for rows, columns in some])
                view = View.of(net, cut, scale, flipped, mirror)
                if total is None:
                    num_classes = view.rows(0, 1).shape[1]
                    total = images.new_zeros((len(images), num_classes, *size), dtype=torch.float32)
                _add(total, view, some, share)
        assert total is not None
        return total

    def seen(self, size: Sequence[int]) -> Counter[tuple[int, int]]:
        """How often the network sees an input of (height, width) for one picture of (height, width)."""
        inputs: Counter[tuple[int, int]] = Counter()
        for scale in self.scales:
            for rows, columns in self._windows((size[0], size[1]), scale):
                window = (rows.stop - rows.start, columns.stop - columns.start)
                inputs[seen_size(window, scale)] += 2 if self.flip else 1
        return inputs

    def _num_at_once(
        self, windows: Sequence[tuple[slice, slice]], size: tuple[int, int], scale: float
    ) -> int:
        rows, columns = windows[0]
        height, width = seen_size((rows.stop - rows.start, columns.stop - columns.start), scale)
        return max(1, min(self.window_batch, size[0] * size[1] // (height * width)))

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


def _native(seen: int, scale: float) -> int:
    """Pixels of the picture for so many that the network sees."""
    return max(1, round(seen / scale))


def starts(length: int, window: int, stride: int) -> list[int]:
    """Where windows begin so that they cover 0..length; the last one ends at ``length``."""
    last = length - window
    return [*range(0, last, stride), last]


def _coverage(windows: Sequence[tuple[slice, slice]], size: tuple[int, int], device: torch.device) -> Tensor:
    """How many windows see each pixel: float (H, W)."""
    count = torch.zeros(size, device=device)
    for rows, columns in windows:
        count[rows, columns] += 1
    return count


def _add(total: Tensor, view: View, windows: Sequence[tuple[slice, slice]], share: Tensor) -> None:
    """Add the view's probabilities, of one window after another, to float32 (N, C, H, W).

    share: float (H, W), what they are weighted with.
    """
    for top, bottom in strips(view.size[0], view.row_bytes):
        parts = view.rows(top, bottom).float().softmax(1).chunk(len(windows))
        for part, (rows, columns) in zip(parts, windows, strict=True):
            place = slice(rows.start + top, rows.start + bottom)
            total[..., place, columns] += part * share[place, columns]


def _pixels(size: object) -> bool:
    return isinstance(size, Sequence) and len(size) == 2 and all(type(side) is int for side in size)


def _scale(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.01 <= value <= 100
