"""Any picture size for a network that wants multiples."""

import torch.nn.functional as F
from torch import Tensor, nn

from atrous.coarse import Coarse, CoarseNet, is_recorded


class AnySize(CoarseNet):
    """Pads below and right to a multiple, runs the network, and brings its logits to the input's size.

    net: its logits may be smaller than its input.
    """

    def __init__(self, net: nn.Module, multiple: int) -> None:
        super().__init__()
        self.net = net
        self.multiple = multiple

    def forward(self, images: Tensor) -> Tensor:
        """images: float (N, 3, H, W), normalised -> logits: float (N, C, H, W)."""
        return self.coarse(images).whole()

    def coarse(self, images: Tensor) -> Coarse:
        """The same, upsampled later."""
        padded = pad_to_multiple(images, self.multiple)
        return Coarse(self.net(padded), size_of(padded), size_of(images))


def size_of(images: Tensor) -> tuple[int, int]:
    """(H, W)."""
    return images.shape[-2], images.shape[-1]


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Float (N, 3, H, W) -> the same with zeros below and right: the mean colour in normalised pictures."""
    below, right = -images.shape[-2] % multiple, -images.shape[-1] % multiple
    # A recorded graph is for every size, also where there is nothing to pad.
    return F.pad(images, (0, right, 0, below)) if is_recorded() or below or right else images
