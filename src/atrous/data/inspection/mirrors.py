"""Classes that a horizontal flip would name wrongly."""

import re

import numpy as np
from numpy.typing import NDArray

from atrous.data.inspection.finding import Finding
from atrous.labels import LabelSet

_SIDES = {"left": "right", "right": "left", "l": "r", "r": "l"}


def counterpart(name: str) -> str | None:
    """The name on the other side: left_arm -> right_arm, arm_l -> arm_r; None where it names no side."""
    words = re.split(r"([^A-Za-z]+|(?<=[a-z])(?=[A-Z]))", name)
    sides = [place for place, word in enumerate(words) if word.lower() in _SIDES]
    if len(sides) != 1:
        return None
    word = words[sides[0]]
    other = _SIDES[word.lower()]
    words[sides[0]] = other.upper() if word.isupper() else other.title() if word.istitle() else other
    return "".join(words)


def mirror_findings(labels: LabelSet, train: NDArray[np.int64] | None, own_labels: bool) -> list[Finding]:
    """What flips would do wrong.

    train: counts, int64 (num_pictures, C + 1), if there are any.  own_labels: the config lists the classes.
    """
    return [
        *_twice(labels),
        *_wrong(labels),
        *_unpaired(labels, own_labels),
        *_half(labels, train),
    ]


def _twice(labels: LabelSet) -> list[Finding]:
    table = labels.mirror_table
    broken = [name for index, name in enumerate(labels.classes) if table[table[index]] != index]
    if not broken:
        return []
    return [
        Finding(
            "error",
            "mirror_pairs",
            f"label set '{labels.name}': mirror_pairs {_spelt(labels)} name a class twice, so that two flips "
            f"do not give {', '.join(broken)} back",
            "list each class in one pair only: data.layout.label_set.mirror_pairs",
        )
    ]


def _wrong(labels: LabelSet) -> list[Finding]:
    found = []
    for left, right in labels.mirror_pairs:
        pair = labels.classes[left], labels.classes[right]
        expected = [counterpart(name) for name in pair]
        if pair[1] != expected[0] and any(name in labels.classes for name in expected):
            better = [
                [name, other] for name, other in zip(pair, expected, strict=True) if other in labels.classes
            ]
            found.append(
                Finding(
                    "warning",
                    "mirror_pairs",
                    f"label set '{labels.name}': a flip swaps {pair[0]} and {pair[1]}, whose names are not "
                    "the two sides of one thing",
                    f"write {_yaml(better)} in mirror_pairs instead, if their names are right",
                )
            )
    return found


def _unpaired(labels: LabelSet, own_labels: bool) -> list[Finding]:
    names = labels.classes
    paired = {index for pair in labels.mirror_pairs for index in pair}
    sides = {name: counterpart(name) for index, name in enumerate(names) if index not in paired}
    open_pairs = sorted({tuple(sorted((name, other))) for name, other in sides.items() if other in names})
    lone = [name for name, other in sides.items() if other is not None and other not in names]
    found = []
    if open_pairs:
        kept = [[names[left], names[right]] for left, right in labels.mirror_pairs]
        listed = [*kept, *(list(pair) for pair in open_pairs)]
        write = f"++data.layout.label_set.mirror_pairs={_yaml(listed)}" if own_labels else ""
        found.append(
            Finding(
                "warning",
                "mirror_pairs",
                f"{', '.join(' and '.join(pair) for pair in open_pairs)}: left and right, but in no mirror "
                "pair; the augment flips pictures, and a flipped left one would keep its label",
                f"write {write}{', or ' if write else ''}augment.flip_probability=0",
            )
        )
    if lone:
        found.append(
            Finding(
                "warning",
                "mirror_pairs",
                f"{', '.join(lone)}: a side, but the label set has no class for the other one; a flipped "
                "picture shows the other side under this name",
                "write augment.flip_probability=0, if the side matters",
            )
        )
    return found


def _half(labels: LabelSet, train: NDArray[np.int64] | None) -> list[Finding]:
    if train is None:
        return []
    occurs = train.sum(0) > 0
    found = []
    for pair in labels.mirror_pairs:
        absent = [labels.classes[index] for index in pair if not occurs[index]]
        if len(absent) == 1:
            present = next(labels.classes[index] for index in pair if occurs[index])
            found.append(
                Finding(
                    "warning",
                    "mirror_pairs",
                    f"train has {present} but no {absent[0]}: flips make a class that the labels do not have",
                    "see whether the labels name both sides alike; if they do, write "
                    "augment.flip_probability=0, or make them one class",
                )
            )
    return found


def _spelt(labels: LabelSet) -> str:
    return _yaml([[labels.classes[left], labels.classes[right]] for left, right in labels.mirror_pairs])


def _yaml(pairs: list[list[str]]) -> str:
    return "[" + ", ".join(f"[{', '.join(str(name) for name in pair)}]" for pair in pairs) + "]"
