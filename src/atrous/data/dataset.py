"""One data set class for every layout: reads a pair, maps its labels to classes, augments.

What happens to a sample is a function of the seed and its key alone: not of workers, devices or restarts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.pairs import Pair
from atrous.data.mix import Mix, Pixels
from atrous.labels import LabelSet


class Augment(Protocol):
    """What becomes of a picture, uint8 (H, W, 3), and its labels, uint8 (H, W): a function of its arguments.

    focus: a class that the labels hold, and that the crop is cut around; None: no matter.
    """

    def __call__(
        self,
        image: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        rng: np.random.Generator,
        focus: int | None = None,
    ) -> Pixels:
        """Both, augmented alike."""
        ...


@dataclass(frozen=True, slots=True)
class SampleKey:
    """What a sampler asks for: the sample ``index`` as it is in ``epoch``.

    draw: how often the epoch has had this index before; each time it is augmented differently.
    focus: the class for which it is drawn, and which its crop is to show; None: no matter.
    """

    epoch: int
    index: int
    draw: int = 0
    focus: int | None = None


class Sample(NamedTuple):
    """image: uint8 (3, H, W).  labels: uint8 (H, W), 0..C-1 and the ignore index.  name: of the pair."""

    image: Tensor
    labels: Tensor
    name: str


class SegmentationDataset(Dataset[Sample]):
    """Samples of a list of pairs.

    label_format: how the label files spell the classes.
    mix: None leaves every sample as it is.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        labels: LabelSet,
        augment: Augment | None,
        seed: int,
        label_format: LabelFormat = INDEX,
        mix: Mix | None = None,
    ) -> None:
        self.pairs = pairs
        self.labels = labels
        self.augment = augment
        self.seed = seed
        self.label_format = label_format
        self.mix = mix

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: SampleKey) -> Sample:
        rng = np.random.default_rng([self.seed, key.epoch, key.index, key.draw])
        image, labels = self._augmented(key.index, key.focus, rng)
        partner = None if self.mix is None else self.mix.partner(len(self), rng)
        if self.mix is not None and partner is not None:
            image, labels = self.mix.paste((image, labels), self._augmented(*partner, rng), rng)
        name = self.pairs[key.index].name
        return Sample(torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(labels), name)

    def _augmented(self, index: int, focus: int | None, rng: np.random.Generator) -> Pixels:
        image, labels = self._read(self.pairs[index])
        return (image, labels) if self.augment is None else self.augment(image, labels, rng, focus)

    def _read(self, pair: Pair) -> Pixels:
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
        return image, labels


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
