"""Random colours on the device, for a whole batch at once, from numbers drawn by each picture's key."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GREY = (0.299, 0.587, 0.114)  # ITU-R 601 luma
NEUTRAL = (1.0, 1.0, 1.0, 0.0)


@dataclass(frozen=True)
class ColorJitter:
    """Brightness, contrast, saturation and hue, in this order: those of torchvision and albumentations.

    brightness, contrast, saturation: the range of a factor.  hue: of a shift in HSV, in turns.
    probability: of a picture to be changed.
    ignore_index, fill: ignored pixels of the colour ``fill`` (RGB in [0, 1]) are padding, and stay.
    """

    brightness: Sequence[float]
    contrast: Sequence[float]
    saturation: Sequence[float]
    hue: Sequence[float]
    probability: float
    ignore_index: int
    fill: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation", "hue"):
            given = getattr(self, name)
            if not isinstance(given, Sequence) or len(given) != 2 or not given[0] <= given[1]:
                raise ValueError(
                    f"augment.colors.{name}={given}: on the device, expected [smallest, largest]"
                )
        if not 0 <= self.probability <= 1:
            raise ValueError(f"augment.colors.probability={self.probability}: expected a number from 0 to 1")

    def draw(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """A picture's three factors and its shift: float32 (4,)."""
        ranges = np.array([self.brightness, self.contrast, self.saturation, self.hue])
        drawn = rng.uniform(ranges[:, 0], ranges[:, 1])
        return np.asarray(drawn if rng.random() < self.probability else NEUTRAL, np.float32)

    def __call__(self, images: Tensor, labels: Tensor, drawn: Tensor) -> Tensor:
        """The pictures with other colours: float32 (N, 3, H, W) in [0, 255].

        images: uint8 (N, 3, H, W).  labels: uint8 (N, H, W).  drawn: float32 (N, 4), of ``draw``.
        """
        pixels = images.float()
        shown = labels != self.ignore_index
        for channel, value in enumerate(self.fill):
            shown = shown | (images[:, channel] != round(255 * value))
        shown = shown.unsqueeze(1)
        brightness, contrast, saturation, hue = drawn.view(-1, 4, 1, 1, 1).unbind(1)
        bright = (pixels * brightness).clamp_(0, 255)
        mean = _grey(
            (bright * shown).sum((2, 3), keepdim=True) / shown.sum((2, 3), keepdim=True).clamp(min=1)
        )
        changed = blend(bright, mean, contrast)
        changed = shift_hue(blend(changed, _grey(changed), saturation), hue)
        return torch.where(shown, changed, pixels)


def blend(pixels: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """``share`` of the pixels and the rest of the other, cut to [0, 255]."""
    return (share * pixels + (1 - share) * other).clamp_(0, 255)


def shift_hue(pixels: Tensor, turns: Tensor) -> Tensor:
    """Another hue, of the same saturation and value in HSV.

    pixels: float (N, 3, H, W).  turns: (N, 1, 1, 1).
    """
    red, green, blue = (pixels[:, channel : channel + 1] for channel in range(3))
    value = pixels.amax(1, keepdim=True)
    chroma = value - pixels.amin(1, keepdim=True)
    scale = 1 / chroma.clamp(min=1e-6)
    sixths = torch.where(
        value == red,
        (green - blue) * scale,
        torch.where(value == green, 2 + (blue - red) * scale, 4 + (red - green) * scale),
    )
    # Each channel is the value, less the chroma where the hue is far from it (the usual closed form).
    places = (sixths + 6 * turns + pixels.new_tensor([5.0, 3.0, 1.0]).view(1, 3, 1, 1)) % 6
    return value - chroma * torch.minimum(places, 4 - places).clamp_(0, 1)


def _grey(pixels: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W)."""
    red, green, blue = (pixels[:, channel : channel + 1] for channel in range(3))
    return GREY[0] * red + GREY[1] * green + GREY[2] * blue
