"""The original U-Net: 23 convolutional layers, as its paper draws them, for any input size.

Source: Ronneberger et al., "U-Net: Convolutional networks for biomedical image segmentation", 2015, figure 1.
Two things differ, so that logits have the input's size: the 3x3 convolutions are padded, where the paper's
lose a pixel at each side, and skipped features are joined whole, where the paper crops them.
"""

import torch
from torch import Tensor, nn

from atrous.models.padding import AnySize


class UNetPaper(nn.Module):
    """Four times down and up again; the input's sides must be multiples of 16.

    width: channels of the first level, doubled at each level; the paper's is 64.
    batch_norm: after each 3x3 convolution, which the paper does not have.
    """

    def __init__(self, num_classes: int, width: int = 64, batch_norm: bool = False) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        self.encoder = nn.ModuleList(
            twice(below, here, batch_norm) for below, here in zip([3, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * here, here, 2, stride=2) for here in reversed(widths[:-1])
        )
        self.decoder = nn.ModuleList(twice(2 * here, here, batch_norm) for here in reversed(widths[:-1]))
        self.head = nn.Conv2d(width, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """images: float (N, 3, H, W), normalised -> logits: float (N, C, H, W)."""
        features = self.encoder[0](images)
        skipped = []
        for level in self.encoder[1:]:
            skipped.append(features)
            features = level(self.pool(features))
        for up, level in zip(self.up, self.decoder, strict=True):
            features = level(torch.cat([skipped.pop(), up(features)], dim=1))
        logits: Tensor = self.head(features)
        return logits


def twice(num_in: int, num_out: int, batch_norm: bool) -> nn.Sequential:
    """Two padded 3x3 convolutions with ReLU.  Weights as in the paper: normal, deviation sqrt(2 / fan-in)."""
    layers: list[nn.Module] = []
    for channels in (num_in, num_out):
        convolution = nn.Conv2d(channels, num_out, 3, padding=1, bias=not batch_norm)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        layers += [convolution, nn.BatchNorm2d(num_out)] if batch_norm else [convolution]
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def unet_paper(num_classes: int, width: int = 64, batch_norm: bool = False) -> AnySize:
    """The U-Net of the paper for any input size."""
    return AnySize(UNetPaper(num_classes, width, batch_norm), multiple=16)
