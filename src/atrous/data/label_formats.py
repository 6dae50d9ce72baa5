"""How a label file spells its classes: by number, by colour, or as light on dark."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from atrous.labels import UNKNOWN, LabelSet

Pixels = NDArray[Any]


class LabelFormat(Protocol):
    """From the pixels of a label file to class indices."""

    @property
    def of_colors(self) -> bool:
        """Whether it is handed the file's colours; else its single channel, a palette's as the index."""
        ...

    @property
    def exact(self) -> bool:
        """Whether a value that is one more or less means another class, so that no JPEG will do."""
        ...

    def __call__(self, pixels: Pixels, labels: LabelSet) -> NDArray[np.uint8]:
        """Class indices: uint8 (H, W), 0..C-1 and the ignore index.

        pixels: of colours, uint8 (H, W, 3) RGB; else (H, W), any integers or bool.
        Raises ValueError: a value or colour that means nothing.
        """
        ...


@dataclass(frozen=True)
class Index:
    """The value, or the palette's index, is the label set's raw id."""

    of_colors: ClassVar[bool] = False
    exact: ClassVar[bool] = True

    def __str__(self) -> str:
        return "numbers (the value, or the palette's index)"

    def __call__(self, pixels: Pixels, labels: LabelSet) -> NDArray[np.uint8]:
        """Class indices.  Raises ValueError: a raw id that the label set does not have."""
        import cv2  # here: a wrong path is told without it

        if pixels.dtype != np.uint8:
            for end in (pixels.max(initial=0), pixels.min(initial=0)):
                if not 0 <= end <= 255:  # in 8 bits it would be another value
                    raise _not_listed(int(end), labels)
            pixels = pixels.astype(np.uint8)
        counts = cv2.calcHist([pixels], [0], None, [256], [0, 256]).ravel()
        unknown = np.flatnonzero((counts > 0) & (labels.raw_table == UNKNOWN))
        if len(unknown):
            raise _not_listed(int(unknown[0]), labels)
        return np.asarray(cv2.LUT(pixels, labels.raw_table.astype(np.uint8)), np.uint8)


INDEX = Index()


@dataclass(frozen=True)
class Colors:
    """Each class has a colour, or several.

    colors: by class name, an RGB triple (0..255) or a list of them; None: the label set's own colours.
    ignore: the RGB triples that take no part in losses and scores.
    """

    colors: Mapping[str, Sequence[Any]] | None = None
    ignore: Sequence[Sequence[int]] = ()
    of_colors: ClassVar[bool] = True
    exact: ClassVar[bool] = True

    def __str__(self) -> str:
        return "colours, " + ("those of the label set" if self.colors is None else "those of the config")

    def __call__(self, pixels: Pixels, labels: LabelSet) -> NDArray[np.uint8]:
        """Class indices.

        Raises ValueError: a colour that is not listed, or is listed twice, or for a class that the label set
            does not have.
        """
        # By packed colour, index + 1; 0 = not listed.  Zeros cost nothing before they are touched.
        table = np.zeros(1 << 24, np.uint16)
        for color, index in self._listed(labels).items():
            table[color] = index + 1
        red, green, blue = _channels(pixels)
        found: NDArray[np.uint16] = table[red << 16 | green << 8 | blue]
        unknown = found == 0
        if unknown.any():
            raise ValueError(
                f"label colour {pixels[unknown][0].tolist()} is not listed for label set '{labels.name}'; "
                "add it to the colours of a class, or to the format's ignore"
            )
        return (found - 1).astype(np.uint8)

    def _listed(self, labels: LabelSet) -> dict[int, int]:
        """Packed colour -> class index or the ignore index."""
        given = dict(zip(labels.classes, labels.colors, strict=True)) if self.colors is None else self.colors
        found: dict[int, int] = {}
        for name, colors in given.items():
            if name not in labels.classes:
                raise ValueError(
                    f"label colours are listed for '{name}', which is no class of label set '{labels.name}'; "
                    f"its classes: {', '.join(labels.classes)}"
                )
            _add(found, _triples(colors), labels.classes.index(name))
        _add(found, self.ignore, labels.ignore_index)
        return found


@dataclass(frozen=True)
class Threshold:
    """Light on dark, edges smoothed or not: class 1 where the grey value lies ``above``, else class 0."""

    above: int = 127
    of_colors: ClassVar[bool] = True
    exact: ClassVar[bool] = False

    def __str__(self) -> str:
        return f"light on dark (class 1 where the grey value lies above {self.above})"

    def __call__(self, pixels: Pixels, labels: LabelSet) -> NDArray[np.uint8]:
        """Class indices, 0 and 1.  Raises ValueError: a label set of more classes."""
        if labels.num_classes != 2:
            raise ValueError(
                f"a threshold tells two classes apart, but label set '{labels.name}' has "
                f"{labels.num_classes}: {', '.join(labels.classes)}"
            )
        # ITU-R 601 luma in 16 bits, rounded as Pillow's convert("L") does.
        red, green, blue = _channels(pixels)
        grey = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
        return (grey > self.above).astype(np.uint8)


def spelling(labels: LabelSet, label_format: LabelFormat) -> str:
    """Says how label files become class indices: another text for another label set, format or option."""
    kind = type(label_format)
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):  # a long table is else cut to its ends
        options = repr(label_format.__getstate__())
    return json.dumps([labels.to_dict(), kind.__module__, kind.__qualname__, options], sort_keys=True)


def _channels(pixels: Pixels) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
    """Red, green and blue, wide enough to compute with."""
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    return red, green, blue


def _triples(colors: Sequence[Any]) -> Sequence[Sequence[int]]:
    """One colour or several, as several."""
    return colors if isinstance(colors[0], Sequence) else [colors]


def _add(found: dict[int, int], colors: Iterable[Sequence[int]], index: int) -> None:
    for color in colors:
        if len(color) != 3 or not all(0 <= value <= 255 for value in color):
            raise ValueError(f"label colour {list(color)} is not an RGB triple of values 0..255")
        if found.setdefault(color[0] << 16 | color[1] << 8 | color[2], index) != index:
            raise ValueError(f"label colour {list(color)} is listed twice, with different meanings")


def _not_listed(value: int, labels: LabelSet) -> ValueError:
    or_list = ", or list the value under the label set's ignore" if 0 <= value <= 255 else ""
    return ValueError(
        f"label value {value} is not in label set '{labels.name}'; known raw ids are "
        f"{_ranges(sorted(labels.raw_ids))}: correct the file{or_list}"
    )


def _ranges(values: Sequence[int]) -> str:
    """[0, 1, 2, 5] -> '0..2, 5'."""
    starts = [value for value in values if value - 1 not in values]
    ends = [value for value in values if value + 1 not in values]
    return ", ".join(f"{a}" if a == b else f"{a}..{b}" for a, b in zip(starts, ends, strict=True))
