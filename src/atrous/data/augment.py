"""Augmentation of one picture and its labels: pure functions of pixels, numbers and a random generator.

The window comes first: scale and crop are drawn as a rectangle of the source picture, and only that rectangle
is resized.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]


class Photometric(Protocol):
    """What albumentations.Compose offers, as far as it is used here: its ``transforms`` are of this kind."""

    def set_random_seed(self, seed: int) -> None:
        """Make the next call a function of ``seed``."""
        ...

    def __call__(self, *, image: Image) -> dict[str, Image]:
        """{"image": the picture with other colours}."""
        ...


class Window(NamedTuple):
    """A rectangle of the source picture, in its pixels, and the size it gets in the crop."""

    top: int
    left: int
    height: int
    width: int
    out_height: int
    out_width: int

    def cut(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The window's source pixels: a view."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class CropAugment:
    """Random scale, crop, horizontal flip and colours, in the order of the DeepLab recipe.

    crop_size: (height, width) of what comes out.
    mirror_table: uint8 (256,), the class each class becomes in a mirrored picture.
    mean: RGB in [0, 1]; where the scaled picture is smaller than the crop it is padded with this, the labels
        with ``ignore_index``.
    scale: smallest and largest factor; drawn uniformly.
    max_class_share: a crop in which one class holds more of the labelled pixels is drawn again, up to 10
        times.
    """

    crop_size: Sequence[int]
    mirror_table: NDArray[np.uint8]
    ignore_index: int
    mean: Sequence[float]
    scale: Sequence[float] = (0.5, 2.0)
    max_class_share: float = 0.75
    flip_probability: float = 0.5
    photometric: Photometric | None = None

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"augment.scale={list(self.scale)}: expected 0 < smallest <= largest")
        if not isinstance(self.crop_size, Sequence) or len(self.crop_size) != 2 or min(self.crop_size) < 1:
            raise ValueError(f"data.crop_size={self.crop_size}: expected [height, width] in pixels")

    def __call__(
        self, image: Image, labels: Labels, rng: np.random.Generator, focus: int | None = None
    ) -> tuple[Image, Labels]:
        """A crop.  image: uint8 (H, W, 3).  labels: uint8 (H, W).  Both come back at ``crop_size``.

        focus: a class of which the labels have a pixel; the crop is cut around one of these, and not flipped
            where that would make it another class.  Shrinking may still lose an object of few pixels.
        """
        window = self._draw_window(labels, rng, focus)
        image, labels = (
            self._resize(image, window, cv2.INTER_LINEAR),
            # OpenCV's other nearest shifts them by up to half a pixel.
            self._resize(labels, window, cv2.INTER_NEAREST_EXACT),
        )
        may_flip = focus is None or self.mirror_table[focus] == focus
        if rng.random() < self.flip_probability and may_flip:
            image = np.asarray(cv2.flip(image, 1), np.uint8)
            labels = np.asarray(cv2.LUT(cv2.flip(labels, 1), self.mirror_table), np.uint8)
        if self.photometric is not None:  # before the padding, which is to stay the mean
            seed(self.photometric, rng)
            before = image
            image = self.photometric(image=np.ascontiguousarray(before))["image"]
            if image.dtype != np.uint8 or image.shape != before.shape:
                raise ValueError(
                    f"augment.photometric gives {image.dtype} {image.shape} for uint8 {before.shape}: "
                    "expected other colours of the same pixels; pictures are normalised later"
                )
        image = _pad(image, self.crop_size, [round(255 * channel) for channel in self.mean])
        labels = _pad(labels, self.crop_size, [self.ignore_index])
        return np.ascontiguousarray(image), np.ascontiguousarray(labels)

    def _draw_window(self, labels: Labels, rng: np.random.Generator, focus: int | None) -> Window:
        factor = rng.uniform(self.scale[0], self.scale[1])
        wanted = None if focus is None else np.flatnonzero(labels == focus)
        for _ in range(10):
            pixel = None if wanted is None else np.unravel_index(rng.choice(wanted), labels.shape)
            window = draw_window(labels.shape, self.crop_size, factor, rng, pixel)
            if self.max_class_share >= 1:
                break
            if largest_class_share(window.cut(labels), self.ignore_index) <= self.max_class_share:
                break
        return window

    @staticmethod
    def _resize(pixels: NDArray[np.uint8], window: Window, interpolation: int) -> NDArray[np.uint8]:
        source = window.cut(pixels)
        if source.shape[:2] == (window.out_height, window.out_width):
            return source
        size = (window.out_width, window.out_height)
        return np.asarray(cv2.resize(source, size, interpolation=interpolation), np.uint8)


def seed(transform: Photometric, rng: np.random.Generator) -> None:
    """Make the next call a function of ``rng``; each part draws its own numbers.

    Albumentations gives all parts of a Compose the seed of the whole, with which each would draw the same.
    """
    transform.set_random_seed(int(rng.integers(2**31)))
    for part in getattr(transform, "transforms", ()):
        if hasattr(part, "set_random_seed"):  # some have functions there
            seed(part, rng)


def draw_window(
    shape: Sequence[int],
    crop_size: Sequence[int],
    factor: float,
    rng: np.random.Generator,
    pixel: Sequence[int] | None = None,
) -> Window:
    """The source rectangle that a crop of the picture scaled by ``factor`` shows, uniform over the places it
    fits.

    shape: (H, W) of the source.  Where the scaled picture is smaller than the crop, the window is the whole
        side.
    pixel: (y, x) in the source that must lie in the window; None: any place will do.
    """
    starts, lengths, outs = [], [], []
    for side, (source, crop) in enumerate(zip(shape, crop_size, strict=True)):
        length = min(source, max(1, round(crop / factor)))
        outs.append(crop if length < source else min(crop, max(1, round(source * factor))))
        first, last = 0, source - length
        if pixel is not None:
            first, last = max(first, int(pixel[side]) - length + 1), min(last, int(pixel[side]))
        starts.append(int(rng.integers(first, last + 1)))
        lengths.append(length)
    return Window(starts[0], starts[1], lengths[0], lengths[1], outs[0], outs[1])


def largest_class_share(labels: Labels, ignore_index: int) -> float:
    """The most frequent class's share of the labelled pixels, in [0, 1]; 0 where nothing is labelled."""
    counts = cv2.calcHist([labels], [0], None, [256], [0, 256]).ravel()
    counts[ignore_index] = 0
    total = counts.sum(dtype=np.float64)
    return float(counts.max() / total) if total else 0.0


def _pad(pixels: NDArray[np.uint8], size: Sequence[int], value: Sequence[int]) -> NDArray[np.uint8]:
    below, right = size[0] - pixels.shape[0], size[1] - pixels.shape[1]
    if below == 0 and right == 0:
        return pixels
    padded = cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_CONSTANT, value=value)
    return np.asarray(padded, np.uint8)
