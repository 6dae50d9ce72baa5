"""One data set class for every layout: reads a pair, maps its labels to classes, augments.

What happens to a sample is a function of (seed, epoch, index) alone: not of workers, devices or restarts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.pairs import Pair
from atrous.labels import LabelSet

Augment = Callable[
    [NDArray[np.uint8], NDArray[np.uint8], np.random.Generator], tuple[NDArray[np.uint8], NDArray[np.uint8]]
]


@dataclass(frozen=True, slots=True)
class SampleKey:
    """What a sampler asks for: the sample ``index`` as it is in ``epoch``."""

    epoch: int
    index: int


class Sample(NamedTuple):
    """image: uint8 (3, H, W).  labels: uint8 (H, W), 0..C-1 and the ignore index.  name: of the pair."""

    image: Tensor
    labels: Tensor
    name: str


class SegmentationDataset(Dataset[Sample]):
    """Samples of a list of pairs."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        labels: LabelSet,
        augment: Augment | None,
        seed: int,
        label_format: LabelFormat = INDEX,
    ) -> None:
        self.pairs = pairs
        self.labels = labels
        self.augment = augment
        self.seed = seed
        self.label_format = label_format

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: SampleKey) -> Sample:
        pair = self.pairs[key.index]
        image = read_image(pair.image)
        if pair.label is None:
            labels = np.full(image.shape[:2], self.labels.ignore_index, np.uint8)
        else:
            labels = read_labels(pair.label, self.labels, self.label_format)
        if image.shape[:2] != labels.shape:
            raise ValueError(
                f"{pair.label}: labels of {_size(labels)} pixels for a picture of {_size(image)} "
                f"({pair.image}); both must have the same size: the labels belong to another picture, or "
                "were resized"
            )
        if self.augment is not None:
            rng = np.random.default_rng([self.seed, key.epoch, key.index])
            image, labels = self.augment(image, labels, rng)
        return Sample(torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(labels), pair.name)


def read_image(path: Path) -> NDArray[np.uint8]:
    """A picture: uint8 (H, W, 3), RGB.

    Grey and palette pictures become RGB; an alpha channel that hides nothing is dropped.
    Raises ValueError: unreadable or truncated, more than 8 bits a channel, or partly transparent.
    """
    image = _open(path)
    if image.mode in ("RGB", "L", "1"):
        return np.array(image.convert("RGB"))
    if image.mode in ("P", "PA", "LA", "RGBA"):
        pixels = np.array(image.convert("RGBA"))
        if pixels[..., 3].min() < 255:
            raise ValueError(
                f"{path}: partly transparent picture (mode {image.mode}); save it as RGB without alpha"
            )
        return np.ascontiguousarray(pixels[..., :3])
    raise ValueError(
        f"{path}: picture of mode {image.mode}; expected 8 bits a channel, RGB or grey: convert it first"
    )


def read_labels(path: Path, labels: LabelSet, label_format: LabelFormat = INDEX) -> NDArray[np.uint8]:
    """Class indices: uint8 (H, W), 0..C-1 and the ignore index.

    Raises ValueError: unreadable or truncated, of the wrong number of channels, or a value that the label set
    or the format does not have.
    """
    pixels = read_image(path) if label_format.of_colors else _read_channel(path)
    try:
        return label_format(pixels, labels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _read_channel(path: Path) -> NDArray[Any]:
    """A grey picture's values or a palette's indices: (H, W)."""
    image = _open(path)
    if image.mode not in ("L", "P", "1", "I;16", "I"):
        raise ValueError(
            f"{path}: label file of mode {image.mode}; expected one channel of class ids (grey, or a "
            "palette's index); for labels in colours, or light on dark, choose another label format"
        )
    return np.array(image)


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            deep_color = image.mode.startswith(("RGB", "LA")) and any(
                ";16" in str(tile) for tile in image.tile
            )
            image.load()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: cannot be read as a picture ({error}); replace the file") from error
    if deep_color:  # pillow would keep the high bytes without a word
        raise ValueError(f"{path}: 16 bits a channel; expected 8 bits: convert it first")
    return image


def _size(pixels: NDArray[np.uint8]) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
