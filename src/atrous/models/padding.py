"""Any picture size for a network that wants multiples."""

import torch.nn.functional as F
from torch import Tensor, nn


class AnySize(nn.Module):
    """Pads below and right to a multiple, runs the network, cuts its logits back: logits at input size."""

    def __init__(self, net: nn.Module, multiple: int) -> None:
        super().__init__()
        self.net = net
        self.multiple = multiple

    def forward(self, images: Tensor) -> Tensor:
        """images: float (N, 3, H, W), normalised -> logits: float (N, C, H, W)."""
        height, width = images.shape[-2:]
        logits: Tensor = self.net(pad_to_multiple(images, self.multiple))
        return logits[..., :height, :width]


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Float (N, 3, H, W) -> the same with zeros below and right: the mean colour in normalised pictures."""
    below, right = -images.shape[-2] % multiple, -images.shape[-1] % multiple
    return F.pad(images, (0, right, 0, below)) if below or right else images
