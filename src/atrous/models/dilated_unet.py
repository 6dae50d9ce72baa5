"""A small U-Net of dilated depthwise separable convolutions: 887,840 parameters at 20 classes.

Each level looks at its input through three parallel branches of atrous rates 1, 2 and 3, whose outputs are
concatenated.  Source: the public program "U-Net with dilated and depth-wise separable convolutions" on
Cityscapes with 20 classes, which also gives kernels, paddings and dropout.
"""

import torch
from torch import Tensor, nn

from atrous.models.padding import AnySize


class DilatedDown(nn.Module):
    """Half the resolution, three branches: float (N, num_in, H, W) -> (N, 3 num_branch, H / 2, W / 2).

    The sides must be even.
    """

    # (kernel, padding, rate): each halves an even side exactly.
    BRANCHES = ((3, 3, 3), (4, 3, 2), (4, 1, 1))

    def __init__(self, num_in: int, num_branch: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(num_in, num_in, kernel, 2, padding, dilation=rate, groups=num_in),
                *pointwise(num_in, num_branch),
            )
            for kernel, padding, rate in self.BRANCHES
        )

    def forward(self, features: Tensor) -> Tensor:
        """All branches side by side."""
        return torch.cat([branch(features) for branch in self.branches], dim=1)


class DilatedUp(nn.Module):
    """Twice the resolution, three branches: float (N, num_in, H, W) -> (N, 3 num_branch, 2H, 2W)."""

    def __init__(self, num_in: int, num_branch: int) -> None:
        super().__init__()
        # At rate 2 a transposed convolution of kernel 4 is one pixel short; one more of kernel 2 adds it.
        one_pixel = nn.ConvTranspose2d(num_branch, num_branch, 2, groups=num_branch)
        self.branches = nn.ModuleList(
            [
                nn.Sequential(double(num_in, padding=4, rate=3), *pointwise(num_in, num_branch)),
                nn.Sequential(
                    double(num_in, padding=3, rate=2),
                    *pointwise(num_in, num_branch),
                    one_pixel,
                    *pointwise(num_branch, num_branch),
                ),
                nn.Sequential(double(num_in, padding=1, rate=1), *pointwise(num_in, num_branch)),
            ]
        )

    def forward(self, features: Tensor) -> Tensor:
        """All branches side by side."""
        return torch.cat([branch(features) for branch in self.branches], dim=1)


class DilatedEncoder(nn.Module):
    """Four levels at strides 2, 4, 8 and 16, with 36, 108, 324 and 972 channels."""

    out_channels = (36, 108, 324, 972)

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        num_in = (3, *self.out_channels[:-1])
        self.levels = nn.ModuleList(
            nn.Sequential(DilatedDown(below, here // 3), nn.Dropout2d(dropout))
            for below, here in zip(num_in, self.out_channels, strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """images: float (N, 3, H, W), sides multiples of 16 -> features of each level, finest first."""
        features = []
        for level in self.levels:
            images = level(images)
            features.append(images)
        return features


class DilatedUNet(nn.Module):
    """The encoder, and a decoder of the same kind with the encoder's features joined at each level."""

    def __init__(self, num_classes: int, encoder_dropout: float = 0.2, decoder_dropout: float = 0.15) -> None:
        super().__init__()
        self.encoder = DilatedEncoder(encoder_dropout)
        skipped = self.encoder.out_channels
        num_in = (skipped[3], 2 * skipped[2], 2 * skipped[1], 2 * skipped[0])
        self.decoder = nn.ModuleList(
            nn.Sequential(DilatedUp(below, here // 3), nn.Dropout2d(decoder_dropout))
            for below, here in zip(num_in, (324, 108, 36, 12), strict=True)
        )
        self.head = nn.Conv2d(12, num_classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """images: float (N, 3, H, W), sides multiples of 16 -> logits: float (N, C, H, W)."""
        *skipped, features = self.encoder(images)
        for level in self.decoder[:-1]:
            features = torch.cat([level(features), skipped.pop()], dim=1)
        logits: Tensor = self.head(self.decoder[-1](features))
        return logits


def double(channels: int, padding: int, rate: int) -> nn.Module:
    """A depthwise transposed convolution of stride 2."""
    return nn.ConvTranspose2d(channels, channels, 4, 2, padding, dilation=rate, groups=channels)


def pointwise(num_in: int, num_out: int) -> tuple[nn.Module, ...]:
    """A 1x1 convolution, batch norm and LeakyReLU of slope 0.01."""
    return nn.Conv2d(num_in, num_out, 1), nn.BatchNorm2d(num_out), nn.LeakyReLU(inplace=True)


def dilated_unet(num_classes: int, encoder_dropout: float = 0.2, decoder_dropout: float = 0.15) -> AnySize:
    """The dilated U-Net for any input size."""
    return AnySize(DilatedUNet(num_classes, encoder_dropout, decoder_dropout), multiple=16)
