"""What a network says of a picture that it sees at another scale, or mirrored."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from atrous.coarse import Coarse, CoarseNet, resize, strip


class View(NamedTuple):
    """What the network says of pictures that were resized, and perhaps mirrored.

    size: (height, width) of the pictures before.
    """

    coarse: Coarse
    size: tuple[int, int]
    flipped: bool
    mirror: Sequence[int] | None

    @classmethod
    def of(
        cls, net: nn.Module, images: Tensor, scale: float, flipped: bool, mirror: Sequence[int] | None
    ) -> "View":
        """Run the network."""
        size = (images.shape[-2], images.shape[-1])
        seen = resize(images, seen_size(size, scale))
        return cls(_coarse(net, seen.flip(-1) if flipped else seen), size, flipped, mirror)

    def rows(self, top: int, bottom: int) -> Tensor:
        """The logits of these rows, at the size and on the side of the pictures: (N, C, bottom - top, W)."""
        logits = strip(self.coarse.rows, self.coarse.size[0], self.size, top, bottom)
        if not self.flipped:
            return logits
        mirror = self.mirror
        swaps = mirror is not None and list(mirror) != list(range(len(mirror)))
        return (logits[:, mirror] if swaps else logits).flip(-1)

    @property
    def row_bytes(self) -> int:
        """Of the values that a row of logits is made of."""
        num, channels = self.coarse.values.shape[:2]
        return num * channels * self.size[1] * 4


def _coarse(net: nn.Module, images: Tensor) -> Coarse:
    if isinstance(net, CoarseNet):
        return net.coarse(images)
    size = (images.shape[-2], images.shape[-1])
    return Coarse(net(images), size, size)


def seen_size(size: Sequence[int], scale: float) -> tuple[int, int]:
    """(height, width) that the network sees of so many pixels of the picture."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
