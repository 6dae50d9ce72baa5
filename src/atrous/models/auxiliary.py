"""An auxiliary head: a second prediction, from inside the encoder, that only the training sees.

Source: Zhao et al., "Pyramid scene parsing network", 2017, section 3.3.
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from atrous.coarse import Coarse, CoarseNet
from atrous.models.padding import AnySize
from atrous.outputs import Supervised


class WithAuxiliaryHead(CoarseNet):
    """A network of smp with a small convolutional head on the encoder's stage before the last.

    channels: of that stage.
    weight: of the head's loss, beside 1 for that of the network itself.
    """

    def __init__(self, net: AnySize, channels: int, num_classes: int, weight: float) -> None:
        super().__init__()
        self.net = net
        self.weight = weight
        self.head = nn.Sequential(
            nn.Conv2d(channels, channels // 4, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels // 4),
            nn.ReLU(inplace=True),
            nn.Dropout(0.1),
            nn.Conv2d(channels // 4, num_classes, 1),
        )

    def forward(self, images: Tensor) -> Tensor | Supervised:
        """images: float (N, 3, H, W), normalised -> logits (N, C, H, W); in training those of both heads."""
        if not self.training:
            evaluated: Tensor = self.net(images)
            return evaluated
        stages: list[Tensor] = []
        padded: list[int] = []

        def keep(module: nn.Module, inputs: tuple[Tensor], outputs: Any) -> None:
            # DPT's encoder returns its stages and its prefix tokens.
            stages.extend(outputs if isinstance(outputs[0], Tensor) else outputs[0])
            padded.extend(inputs[0].shape[-2:])

        handle = self.net.get_submodule("net.encoder").register_forward_hook(keep)
        try:
            logits = self.net(images)
        finally:
            handle.remove()
        auxiliary = F.interpolate(self.head(stages[-2]), padded, mode="bilinear")
        height, width = images.shape[-2:]
        return Supervised((logits, auxiliary[..., :height, :width]), (1.0, self.weight))

    def coarse(self, images: Tensor) -> Coarse:
        """The network's own."""
        return self.net.coarse(images)
