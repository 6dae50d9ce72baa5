"""A look at one pair: each of its two files is read and decoded once."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from atrous.class_weights import counts_row
from atrous.data.inspection.similar import Signature, signature
from atrous.data.label_formats import LabelFormat
from atrous.data.layouts.pairs import Pair
from atrous.data.opening import Lossy, Turned
from atrous.data.reading import label_pixels, open_labels, read_image, sizes_differ
from atrous.labels import LabelSet

MOST_VALUES = 1024  # a label file of more colours is a photograph, or smoothed: they say nothing one by one

Value = tuple[int, ...]  # of a label file's pixel: (value,) or (red, green, blue)
Size = tuple[int, int]  # width, height


class Problem(NamedTuple):
    """What is wrong with a file: its kind, and the sentence that a training would end with."""

    kind: str
    sentence: str


class Table(NamedTuple):
    """The values of a label file as arrays, 10 or 18 bytes a value: those of all files are held at once.

    values: int32 (K, 1 or 3).  pixels: uint32 (K,), of each.  indices: int16 (K,), of its class or the ignore
    index; -1 where it has none.
    """

    values: NDArray[np.int32]
    pixels: NDArray[np.uint32]
    indices: NDArray[np.int16]


@dataclass(frozen=True)
class Seen:
    """What a label file holds.

    table: its values; None where there are more than ``MOST_VALUES``.
    counts: int64 (C + 1,), pixels of each class, the ignored ones last.
    """

    size: Size
    mode: str
    table: Table | None
    counts: NDArray[np.int64]

    @property
    def values(self) -> dict[Value, int] | None:
        """Pixels of each value; None where there are more than ``MOST_VALUES``."""
        if self.table is None:
            return None
        return dict(zip(map(tuple, self.table.values.tolist()), self.table.pixels.tolist(), strict=True))

    @property
    def meanings(self) -> dict[Value, int]:
        """The values' class indices or the ignore index; an unknown one is left out."""
        if self.table is None:
            return {}
        known = self.table.indices >= 0
        values, indices = self.table.values[known].tolist(), self.table.indices[known].tolist()
        return dict(zip(map(tuple, values), indices, strict=True))


@dataclass(frozen=True)
class Record:
    """What was seen of a pair.

    size: of the picture.  digest: of its pixels.  signature: for finding others like it.
    size, digest and signature are None where the picture, seen where the label file, could not be read.
    """

    split: str
    pair: Pair
    size: Size | None
    digest: bytes | None
    signature: Signature | None
    seen: Seen | None
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> bool:
        """Whether a training can read the pair."""
        return not self.problems and self.seen is not None


def look(split: str, pair: Pair, labels: LabelSet, label_format: LabelFormat, sign: bool) -> Record:
    """Read both files.  sign: whether other splits will be searched for pictures like it."""
    problems: list[Problem] = []
    size = digest = signed = seen = None
    try:
        pixels = read_image(pair.image, upright=pair.label is not None)
        size = (pixels.shape[1], pixels.shape[0])
        digest = hashlib.sha256(pixels.data).digest() + repr(size).encode()
        signed = signature(pixels) if sign else None
    except ValueError as error:
        problems.append(_unfit(error))
    if pair.label is not None:
        seen = _look_at_labels(pair.label, labels, label_format, problems)
    if seen is not None and size is not None and seen.size != size:
        words = [f"{width}x{height}" for width, height in (size, seen.size)]
        problems.append(Problem("size_mismatch", str(sizes_differ(pair, *words))))
    return Record(split, pair, size, digest, signed, seen, tuple(problems))


def _look_at_labels(
    path: Path, labels: LabelSet, label_format: LabelFormat, problems: list[Problem]
) -> Seen | None:
    try:
        image = open_labels(path, label_format.exact)
    except ValueError as error:
        problems.append(_unfit(error))
        return None
    histogram = np.zeros(256, np.int64)
    try:
        pixels = label_pixels(image, path, label_format)
    except ValueError as error:  # colours where an index is expected
        problems.append(Problem("color_mask", str(error)))
        return Seen(image.size, image.mode, _table(_values(image, True), {}), counts_row(histogram, labels))
    values = _values(image, label_format.of_colors)
    if values is None:
        try:
            histogram = np.bincount(label_format(pixels, labels).ravel(), minlength=256)
        except ValueError as error:
            problems.append(Problem("unknown_value", f"{path}: {error}"))
        return Seen(image.size, image.mode, None, counts_row(histogram, labels))
    meanings, unknown = _meanings(values, labels, label_format)
    if unknown is not None:
        problems.append(Problem("unknown_value", f"{path}: {unknown}"))
    for value, meaning in meanings.items():
        histogram[meaning] += values[value]
    return Seen(image.size, image.mode, _table(values, meanings), counts_row(histogram, labels))


def _unfit(error: ValueError) -> Problem:
    """What is wrong with a file whose pixels are not taken."""
    kinds = {Turned: "turned", Lossy: "lossy_labels"}
    return Problem(kinds.get(type(error), "unreadable"), str(error))


def _table(values: Mapping[Value, int] | None, meanings: Mapping[Value, int]) -> Table | None:
    if values is None:
        return None
    return Table(
        np.array(list(values), np.int32),
        np.array(list(values.values()), np.uint32),
        np.array([meanings.get(value, -1) for value in values], np.int16),
    )


def _values(image: Image.Image, of_colors: bool) -> dict[Value, int] | None:
    """Pixels of each value, or of each colour."""
    if of_colors or image.mode in ("L", "P"):
        counted = (image.convert("RGB") if of_colors else image).getcolors(MOST_VALUES)
        return None if counted is None else {_value(value): count for count, value in counted}
    values, counts = np.unique(np.asarray(image), return_counts=True)
    if len(values) > MOST_VALUES:
        return None
    return {(int(value),): int(count) for value, count in zip(values, counts, strict=True)}


def _value(value: int | tuple[int, ...] | float) -> Value:
    return value if isinstance(value, tuple) else (int(value),)


def _meanings(
    values: Mapping[Value, int], labels: LabelSet, label_format: LabelFormat
) -> tuple[dict[Value, int], str | None]:
    """The class index, or the ignore index, of each value, and what is said of the first that has none."""
    try:
        found = label_format(_pixels(list(values)), labels)[0]
        return dict(zip(values, found.tolist(), strict=True)), None
    except ValueError as error:
        said = str(error)
    meanings = {}
    for value in values:
        try:
            meanings[value] = int(label_format(_pixels([value]), labels)[0, 0])
        except ValueError:
            continue
    return meanings, said


def _pixels(values: list[Value]) -> NDArray[np.int64]:
    """Values as a label file of one row."""
    row = np.array([values], np.int64)
    return row if row.shape[2] == 3 else row[..., 0]
