"""How the pairs of a split are found under a root: in folders, or as a share of them all; lists.py has lists.

A pattern is a path under the root in which {split} stands for the split's name.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from atrous.data.layouts.pairs import (
    IMAGE_SUFFIXES,
    LABEL_SUFFIXES,
    Pair,
    Repeated,
    Unmatched,
    list_files,
    match,
    require_split,
)


class Source(Protocol):
    """Finds the pairs of a split under a root."""

    @property
    def by_split(self) -> bool:
        """Whether it finds other pairs for another split."""
        ...

    def __call__(self, root: Path, split: str) -> list[Pair]:
        """The pairs, ordered by name.

        Raises ValueError: what the files have wrong.  FileNotFoundError: a folder or list is missing.
        """
        ...


def find_pairs(source: Source, root: Path, split: str, tree: str | None) -> list[Pair]:
    """The pairs of a source.  Raises ValueError: what it finds wrong; a missing folder shows the ``tree``."""
    try:
        return source(root, split)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(
            f"{error.filename}: no such file or folder; the tree must look like this:\n\n{tree or ''}"
        ) from error


@dataclass(frozen=True)
class Folders:
    """Files of the same name in a folder of pictures and a folder of labels.

    images, labels: patterns of the two folders; labels None: the pictures have none.
    image_ending, label_ending: what the names do not share (a_rgb.jpg, a_mask.png: _rgb and _mask).
    deep: in the folders below as well (a folder a city).
    """

    images: str = "images/{split}"
    labels: str | None = "labels/{split}"
    image_ending: str = ""
    label_ending: str = ""
    deep: bool = False

    @property
    def by_split(self) -> bool:
        """Whether a folder's name holds {split}."""
        return names_split(self.images) or names_split(self.labels or "")

    def __call__(self, root: Path, split: str) -> list[Pair]:
        """The pairs: whatever stands in the two folders."""
        images, labels = self.files(root, split)
        if labels is None:
            return [Pair(name, path, None) for name, path in sorted(images.items())]
        return match(images, labels)

    def files(self, root: Path, split: str) -> tuple[dict[str, Path], dict[str, Path] | None]:
        """Pictures and labels by name: with the folders in which they lie, where a name alone repeats."""
        try:
            return self._files(root, split, whole=False)
        except Repeated:
            if not self.deep:
                raise
            return self._files(root, split, whole=True)

    def _files(self, root: Path, split: str, whole: bool) -> tuple[dict[str, Path], dict[str, Path] | None]:
        folder = fill(root, self.images, split)
        images = list_files(folder, IMAGE_SUFFIXES, self.image_ending, self.deep, whole)
        if self.labels is None:
            return images, None
        beside = fill(root, self.labels, split)
        if beside == folder and self.label_ending:
            images = {
                name: path for name, path in images.items() if not path.stem.endswith(self.label_ending)
            }
        some = (
            list_files(beside, suffixes, self.label_ending, self.deep, whole)
            for suffixes in (LABEL_SUFFIXES, IMAGE_SUFFIXES)  # the latter: of a format that may read JPEG
        )
        return images, next(filter(None, some), {})


@dataclass(frozen=True)
class Fractions:
    """Each split is a share of a source that has no splits of its own.

    A function of the pairs' names and the seed alone, whatever their order.  Pairs that are alike (frames of
    one video) may come apart into different splits.

    shares: by split, in [0, 1], 1 in all.
    """

    source: Source
    shares: Mapping[str, float]
    seed: int = 0

    @property
    def by_split(self) -> bool:
        """It tells the splits apart."""
        return True

    def __post_init__(self) -> None:
        if (
            not all(0 <= share <= 1 for share in self.shares.values())
            or abs(sum(self.shares.values()) - 1) > 1e-6
        ):
            raise ValueError(f"fractions {dict(self.shares)}: expected shares of 0 to 1, 1 in all")
        if self.source.by_split:
            raise ValueError(
                f"fractions {dict(self.shares)} of a source that has splits already; name no {{split}} and "
                "no split_column in the source, or leave the fractions out"
            )

    def __call__(self, root: Path, split: str) -> list[Pair]:
        """The pairs of the share.  Raises ValueError: no such share, or what the source finds wrong."""
        require_split(split, self.shares, "the division into fractions")
        try:
            return self._share(self.source(root, split), split)
        except Unmatched as error:
            raise error.but(self._share(error.pairs, split)) from None

    def _share(self, pairs: Sequence[Pair], split: str) -> list[Pair]:
        shuffled = sorted(pairs, key=self._rank)
        ends = [round(total * len(shuffled)) for total in accumulate(self.shares.values())]
        position = list(self.shares).index(split)
        return sorted(shuffled[([0, *ends])[position] : ends[position]])

    def _rank(self, pair: Pair) -> bytes:
        return hashlib.blake2b(f"{self.seed} {pair.name}".encode()).digest()


def names_split(pattern: str) -> bool:
    """Whether a pattern differs from split to split."""
    return "{split}" in pattern


def fill(root: Path, pattern: str, split: str) -> Path:
    """The path that a pattern stands for."""
    return root / pattern.replace("{split}", split)
