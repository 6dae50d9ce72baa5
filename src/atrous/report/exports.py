"""Predictions as files: index PNGs for Atrous itself, and what official servers take."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from atrous.labels import LabelSet

PREDICTIONS = "predictions"


class Export(Protocol):
    """How predictions are spelt, and the folder in the output that they lie in."""

    @property
    def folder(self) -> str:
        """A path under the output folder; in it <name>.png."""
        ...

    def __call__(self, indices: NDArray[np.uint8], labels: LabelSet) -> Image.Image:
        """The picture of class indices, uint8 (H, W); C and above is no class."""
        ...


@dataclass(frozen=True)
class Indices:
    """Class indices, grey; 255 where the prediction is no class."""

    folder: str = PREDICTIONS

    def __call__(self, indices: NDArray[np.uint8], labels: LabelSet) -> Image.Image:
        """The indices as they are."""
        return Image.fromarray(np.where(indices < labels.num_classes, indices, 255).astype(np.uint8))


@dataclass(frozen=True)
class Colors:
    """The label set's colours; as a palette, so that the file's values are class indices all the same."""

    folder: str = "colors"

    def __call__(self, indices: NDArray[np.uint8], labels: LabelSet) -> Image.Image:
        """A palette picture."""
        image = Image.fromarray(indices)
        image.putpalette(labels.palette.tobytes())
        return image


@dataclass(frozen=True)
class RawIds:
    """The label files' own ids, grey, as Cityscapes' server takes them; of several, the smallest."""

    folder: str

    def __call__(self, indices: NDArray[np.uint8], labels: LabelSet) -> Image.Image:
        """The ids."""
        return Image.fromarray(labels.raw_id_of[indices])


@dataclass(frozen=True)
class Palette:
    """Raw ids with the label set's colours as palette, as PASCAL VOC's server takes them."""

    folder: str

    def __call__(self, indices: NDArray[np.uint8], labels: LabelSet) -> Image.Image:
        """A palette picture."""
        image = Image.fromarray(labels.raw_id_of[indices])
        palette = np.zeros((256, 3), np.uint8)
        palette[labels.raw_id_of[: labels.num_classes]] = labels.colors
        image.putpalette(palette.tobytes())
        return image


def write_prediction(
    output: Path, name: str, indices: NDArray[np.uint8], labels: LabelSet, export: Export
) -> None:
    """Write one prediction to its place under ``output``."""
    path = output / export.folder / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    export(indices, labels).save(path, compress_level=1)
