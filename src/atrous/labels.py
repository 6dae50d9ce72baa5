"""LabelSet: the one place that knows a data set's classes, colours, ignore index, raw ids and mirror
pairs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

IGNORE_INDEX = 255
UNKNOWN = -1

Color = tuple[int, int, int]


@dataclass(frozen=True)
class LabelSet:
    """The classes of a data set, and how its label files name them.

    name: of the label set, for messages and file names.
    classes: names in index order, 0..C-1.
    colors: RGB, 0..255, one a class.
    raw_ids: value in a label file (0..255) -> class index, or ``ignore_index``; a value not listed is an
        error.
    mirror_pairs: class indices that a horizontal flip must swap (left arm, right arm).
    ignore_index: the label of pixels that take no part in losses and scores.
    categories: name -> class indices, where the classes have coarser groups that are scored as well.
    instance_sizes: class index -> mean size of its objects in pixels, where objects are scored as well.
    """

    name: str
    classes: tuple[str, ...]
    colors: tuple[Color, ...]
    raw_ids: Mapping[int, int]
    mirror_pairs: tuple[tuple[int, int], ...] = ()
    ignore_index: int = IGNORE_INDEX
    categories: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    instance_sizes: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        repeated = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if repeated:
            raise ValueError(f"label set '{self.name}': class names {repeated} occur more than once")
        if not 2 <= len(self.classes) < self.ignore_index:
            raise ValueError(
                f"label set '{self.name}' has {len(self.classes)} classes; "
                f"expected 2 to {self.ignore_index - 1} (a binary task has two: background and the object)"
            )
        for raw, index in self.raw_ids.items():
            if not 0 <= raw <= 255:
                raise ValueError(f"label set '{self.name}': raw id {raw} does not fit a label file (0..255)")
            if index != self.ignore_index and not 0 <= index < self.num_classes:
                raise ValueError(
                    f"label set '{self.name}': raw id {raw} maps to {index}; "
                    f"expected 0..{self.num_classes - 1} or {self.ignore_index} (ignore)"
                )

    @property
    def num_classes(self) -> int:
        """The number of classes C, the ignore index not counted."""
        return len(self.classes)

    @property
    def object_class(self) -> str | None:
        """The class that a binary task is about, the second of two; None where there are more."""
        return self.classes[1] if self.num_classes == 2 else None

    @cached_property
    def raw_table(self) -> NDArray[np.int16]:
        """int16 (256,): raw id -> class index or ``ignore_index``; ``UNKNOWN`` where the set has no such
        id.
        """
        table = np.full(256, UNKNOWN, np.int16)
        for raw, index in self.raw_ids.items():
            table[raw] = index
        return table

    @cached_property
    def mirror_table(self) -> NDArray[np.uint8]:
        """uint8 (256,): class index -> the class it becomes in a mirrored picture."""
        table = np.arange(256, dtype=np.uint8)
        for left, right in self.mirror_pairs:
            table[left], table[right] = right, left
        return table

    @cached_property
    def palette(self) -> NDArray[np.uint8]:
        """uint8 (256, 3): RGB of every label value; ignored pixels are black."""
        palette = np.zeros((256, 3), np.uint8)
        palette[: self.num_classes] = self.colors
        return palette

    @cached_property
    def raw_id_of(self) -> NDArray[np.uint8]:
        """uint8 (256,): class index -> the smallest raw id that means it; others stay as they are."""
        table = np.arange(256, dtype=np.uint8)
        for raw, index in sorted(self.raw_ids.items(), reverse=True):
            if index != self.ignore_index:
                table[index] = raw
        return table

    def index(self, class_name: str) -> int:
        """The index of a class.  Raises ValueError: there is no such class."""
        return _index({name: index for index, name in enumerate(self.classes)}, class_name, self.name)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as a checkpoint holds it."""
        return {
            "name": self.name,
            "classes": list(self.classes),
            "colors": [list(color) for color in self.colors],
            "raw_ids": dict(self.raw_ids),
            "mirror_pairs": [list(pair) for pair in self.mirror_pairs],
            "ignore_index": self.ignore_index,
            "categories": {name: list(members) for name, members in self.categories.items()},
            "instance_sizes": dict(self.instance_sizes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "LabelSet":
        """The inverse of ``to_dict``."""
        return cls(
            name=data["name"],
            classes=tuple(data["classes"]),
            colors=tuple(_color(color) for color in data["colors"]),
            raw_ids={int(raw): int(index) for raw, index in data["raw_ids"].items()},
            mirror_pairs=tuple((int(left), int(right)) for left, right in data["mirror_pairs"]),
            ignore_index=data["ignore_index"],
            categories={name: tuple(members) for name, members in data["categories"].items()},
            instance_sizes={int(index): float(size) for index, size in data["instance_sizes"].items()},
        )


def label_set(
    name: str,
    classes: Mapping[str, Sequence[int] | None] | Sequence[str],
    raw_ids: Mapping[str, int | Sequence[int]] | None = None,
    ignore: int | Iterable[int] = (IGNORE_INDEX,),
    mirror_pairs: Iterable[Sequence[str]] = (),
    categories: Mapping[str, Sequence[str]] | None = None,
    instance_sizes: Mapping[str, float] | None = None,
) -> LabelSet:
    """A LabelSet as people write it in YAML: by class names.

    classes: names in index order, with their RGB colours if wanted (the VOC colour map's where missing).
    raw_ids: the values a class has in the label files, by class name; without it, class i is value i.
    ignore: the values in the label files that take no part in losses and scores.
    mirror_pairs: pairs of class names that a horizontal flip must swap.
    categories: class names by category, for scores of coarser groups.
    instance_sizes: mean size in pixels of a class's objects, for scores of objects.
    """
    names = tuple(classes)
    given = [classes[name] for name in names] if isinstance(classes, Mapping) else [None] * len(names)
    colors = tuple(voc_color(index) if color is None else _color(color) for index, color in enumerate(given))
    index_of = {class_name: index for index, class_name in enumerate(names)}
    missing = [class_name for class_name in names if class_name not in (raw_ids or index_of)]
    if missing:
        raise ValueError(f"label set '{name}': raw_ids lists no value for {', '.join(missing)}")
    ignored = [ignore] if isinstance(ignore, int) else list(ignore)
    wanted = dict.fromkeys(ignored, IGNORE_INDEX)
    for class_name, raw in (raw_ids or index_of).items():
        for value in [raw] if isinstance(raw, int) else raw:
            if wanted.setdefault(value, _index(index_of, class_name, name)) != index_of[class_name]:
                other = f"in ignore={ignored} too (255, unless you write it): write ignore: []"
                raise ValueError(
                    f"label set '{name}': raw id {value} of '{class_name}' is "
                    f"{other if value in ignored else 'listed twice'}"
                )
    pairs = tuple(
        (_index(index_of, left, name), _index(index_of, right, name)) for left, right in mirror_pairs
    )
    return LabelSet(
        name=name,
        classes=names,
        colors=colors,
        raw_ids=wanted,
        mirror_pairs=pairs,
        categories={
            category: tuple(_index(index_of, member, name) for member in members)
            for category, members in (categories or {}).items()
        },
        instance_sizes={
            _index(index_of, class_name, name): size for class_name, size in (instance_sizes or {}).items()
        },
    )


def voc_color(index: int) -> Color:
    """The colour of a class index in the PASCAL VOC colour map: its bits, spread over R, G and B.

    Source: the VOC development kit (VOClabelcolormap).
    """
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= ((index >> channel) & 1) << (7 - bit)
        index >>= 3
    return channels[0], channels[1], channels[2]


def _index(index_of: Mapping[str, int], class_name: str, set_name: str) -> int:
    if class_name not in index_of:
        raise ValueError(
            f"label set '{set_name}' has no class '{class_name}'; its classes: {', '.join(index_of)}"
        )
    return index_of[class_name]


def _color(color: Sequence[int]) -> Color:
    red, green, blue = (int(value) for value in color)
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise ValueError(f"colour {list(color)} is not an RGB triple of values 0..255")
    return red, green, blue
