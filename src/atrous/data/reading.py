"""Pictures and label files from disk to pixels; what is wrong with a file is said by its name."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from atrous.data.decoders import Damaged, decoded_grey, decoded_rgb
from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.pairs import Pair
from atrous.data.mix import Pixels
from atrous.data.opening import content_of, opened, require_exact, require_upright, unreadable
from atrous.labels import UNKNOWN, LabelSet

CHANNEL_MODES = ("L", "P", "1", "I;16", "I")


@dataclass(frozen=True)
class Files:
    """Reads pairs from their files.  label_format: how the label files spell the classes."""

    labels: LabelSet
    label_format: LabelFormat = INDEX

    def __call__(self, pair: Pair) -> Pixels:
        """As ``read_pair``."""
        return read_pair(pair, self.labels, self.label_format)


def read_pair(pair: Pair, labels: LabelSet, label_format: LabelFormat = INDEX) -> Pixels:
    """A picture, uint8 (H, W, 3), and its class indices, uint8 (H, W): all ignored where it has no labels.

    Raises ValueError: as ``read_image`` and ``read_labels``, or the two are of different sizes.
    """
    image = read_image(pair.image, upright=pair.label is not None)
    truth = None if pair.label is None else read_labels(pair.label, labels, label_format)
    return matched(pair, image, truth, labels)


def matched(
    pair: Pair, image: NDArray[np.uint8], truth: NDArray[np.uint8] | None, labels: LabelSet
) -> Pixels:
    """What was read of a pair.  truth: None: it has no labels.  Raises ValueError: of different sizes."""
    if truth is None:
        return image, np.full(image.shape[:2], labels.ignore_index, np.uint8)
    if image.shape[:2] != truth.shape:
        raise sizes_differ(pair, size(image), size(truth))
    return image, truth


def sizes_differ(pair: Pair, image_size: str, label_size: str) -> ValueError:
    """What is said of a picture and labels of different sizes."""
    return ValueError(
        f"{pair.label}: labels of {label_size} pixels for a picture of {image_size} ({pair.image}); "
        "both must have the same size: the labels belong to another picture, or were resized"
    )


def read_image(path: Path, upright: bool = False) -> NDArray[np.uint8]:
    """A picture: uint8 (H, W, 3), RGB.

    upright: whether one that its EXIF tag turns is refused, as labels beside it demand; else the tag is
        ignored.

    Grey and palette pictures become RGB; an alpha channel that hides nothing is dropped.
    A JPEG has no checksum: where its decoder stumbles but finishes, a warning names the file.
    Raises ValueError: unreadable, damaged or truncated, of too many pixels, more than 8 bits a channel, or
        partly transparent.
    """
    content, damage = content_of(path), ""
    if upright:
        require_upright(content, path)
    try:
        pixels = decoded_rgb(content)
    except Damaged as error:
        pixels, damage = None, str(error)
    if pixels is None:
        pixels = rgb(opened(content, path, upright), path)
    if damage:
        warnings.warn(f"{path}: damaged ({damage}); some of its pixels may be wrong", stacklevel=2)
    return pixels


def rgb(image: Image.Image, path: Path) -> NDArray[np.uint8]:
    """What ``read_image`` makes of the picture that ``path`` held."""
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

    Raises ValueError: unreadable, damaged or truncated, turned by EXIF, a JPEG where values must be exact, of
    the wrong number of channels, or a value that the label set or the format does not have.
    """
    content = _label_content(path, label_format.exact)
    try:
        pixels: NDArray[Any] | None = (decoded_rgb if label_format.of_colors else decoded_grey)(content)
    except Damaged as error:
        opened(content, path)  # mostly says it in fewer words, and in those of `atrous inspect`
        raise unreadable(path, error) from error
    if pixels is None:
        pixels = label_pixels(opened(content, path, upright=True), path, label_format)
    try:
        return label_format(pixels, labels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def label_pixels(image: Image.Image, path: Path, label_format: LabelFormat) -> NDArray[Any]:
    """What the format is handed of the label file that ``path`` held: its colours, or its channel."""
    other = "; for labels in colours, or light on dark, choose another label format"
    return rgb(image, path) if label_format.of_colors else _channel(image, path, other)


def read_objects(path: Path, labels: LabelSet) -> NDArray[np.int32]:
    """Objects, as metrics.instances takes them: int32 (H, W), 0 or class + 256 * number.

    The file holds raw id * 1000 + number where there is an object, as Cityscapes' *_instanceIds.png.
    Raises ValueError: unreadable, or a raw id that the label set does not have.
    """
    ids = read_channel(path).astype(np.int32)
    raw = ids // 1000
    classes = labels.raw_table[np.minimum(raw, 255)].astype(np.int32)
    if ((raw > 255) | ((raw > 0) & (classes == UNKNOWN))).any():
        raise ValueError(f"{path}: holds objects of raw ids that label set '{labels.name}' does not have")
    scored = (raw > 0) & np.isin(classes, list(labels.instance_sizes))
    return np.where(scored, classes + 256 * ids, 0).astype(np.int32)


def read_channel(path: Path) -> NDArray[Any]:
    """A grey picture's values or a palette's indices: (H, W).

    Raises ValueError: unreadable or truncated, or of several channels.
    """
    return _channel(open_labels(path), path)


def _channel(image: Image.Image, path: Path, hint: str = "") -> NDArray[Any]:
    if image.mode not in CHANNEL_MODES:
        raise ValueError(
            f"{path}: a file of mode {image.mode}; expected one channel of class ids (grey, or a palette's "
            f"index){hint}"
        )
    return np.array(image)


def open_labels(path: Path, exact: bool = True) -> Image.Image:
    """The decoded file, in its own mode.

    exact: whether another value would be another class, so that a JPEG is refused.
    Raises ValueError: unreadable, damaged, truncated, turned, a JPEG, or 16 bits a channel.
    """
    return opened(_label_content(path, exact), path, upright=True)


def _label_content(path: Path, exact: bool) -> bytes:
    content = content_of(path)
    require_upright(content, path)
    if exact:
        require_exact(content, path)
    return content


def size(pixels: NDArray[np.uint8]) -> str:
    """Width x height, as messages say it."""
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
