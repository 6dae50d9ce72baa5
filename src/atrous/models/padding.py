"""Any picture size for a network that wants multiples."""

import torch.nn.functional as F
from torch import Tensor, nn


class AnySize(nn.Module):
    """Pads below and right to a multiple, runs the network, cuts its logits back: logits at input size.

    The padding is 0, which is the mean colour in normalised pictures.
    """

    def __init__(self, net: nn.Module, multiple: int) -> None:
        super().__init__()
        self.net = net
        self.multiple = multiple

    def forward(self, images: Tensor) -> Tensor:
        """images: float (N, 3, H, W), normalised -> logits: float (N, C, H, W)."""
        height, width = images.shape[-2:]
        below, right = -height % self.multiple, -width % self.multiple
        logits: Tensor = self.net(F.pad(images, (0, right, 0, below)) if below or right else images)
        return logits[..., :height, :width]
