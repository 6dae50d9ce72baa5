"""Pairs that a list names: an id a line, `image label` a line, or the rows of a table."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from atrous.data.layouts.listed import Listed
from atrous.data.layouts.pairs import IMAGE_SUFFIXES, LABEL_SUFFIXES, Pair, require_split
from atrous.data.layouts.sources import Folders, fill, names_split


@dataclass(frozen=True)
class Ids:
    """Those files of two folders that a list names.

    list_file: pattern of the list; the first word of a line is a name, with or without folder and suffix.
    folders: where the files are; others may lie beside them.
    """

    list_file: str
    folders: Folders

    @property
    def by_split(self) -> bool:
        """Whether the list's or a folder's name holds {split}."""
        return names_split(self.list_file) or self.folders.by_split

    def __call__(self, root: Path, split: str) -> list[Pair]:
        """The pairs.  Raises ValueError: names without picture or labels (Unmatched), or listed twice."""
        images, labels = self.folders.files(root, split)
        found = Listed("add it, or correct the list")
        listed = set()
        for where, words in _lines(fill(root, self.list_file, split)):
            name = self._name(words[0], images)
            if name in listed:
                raise ValueError(f"{where}: '{name}' is listed twice; keep one of the two lines")
            listed.add(name)
            image, label = images.get(name), None if labels is None else labels.get(name)
            wrong = None
            if image is None or (labels is not None and label is None):
                wrong = f"{where}: '{name}' has no {'picture' if image is None else 'label'} under {root}"
            found.add(name, image, label, wrong)
        return found.pairs()

    def _name(self, entry: str, images: Mapping[str, Path]) -> str:
        """The name of a listed file: with those of its folders that the names of the files have."""
        *folders, file = PurePosixPath(entry).parts
        stem = _without_suffix(file).removesuffix(self.folders.image_ending)
        for start in range(len(folders)):
            name = "_".join([*folders[start:], stem])
            if name in images and images[name].stem.removesuffix(self.folders.image_ending) == stem:
                return name
        return stem


@dataclass(frozen=True)
class ListFile:
    """A text file a split whose lines are `image label`, or `image` alone where there are no labels.

    list_file: its pattern.
    images, labels: folders that the entries are relative to; an entry may also be relative to the root.
    prefix: cut off the entries that begin with it.
    """

    list_file: str = "{split}.txt"
    images: str = ""
    labels: str = ""
    prefix: str = ""

    @property
    def by_split(self) -> bool:
        """Whether the list's name holds {split}."""
        return names_split(self.list_file)

    def __call__(self, root: Path, split: str) -> list[Pair]:
        """The pairs.

        Raises ValueError: a line of another form, files that are missing (Unmatched) or listed twice.
        """
        return _listed_pairs(self._entries(root, split), root, self.images, self.labels, self.prefix)

    def _entries(self, root: Path, split: str) -> Iterator["_Entry"]:
        for where, words in _lines(fill(root, self.list_file, split)):
            if len(words) > 2:
                raise ValueError(f"{where}: {len(words)} words; expected `image label`, or `image` alone")
            yield _Entry(where, words[0], words[1] if len(words) == 2 else None)


@dataclass(frozen=True)
class Csv:
    """A CSV table with a header and a row a pair.

    list_file: its pattern.
    image_column, label_column: which columns hold the paths; label_column None: there are no labels.
    split_column: which column holds the split's name; None: the table's name tells the split, or nothing.
    images, labels, prefix: as for ``ListFile``.
    delimiter: between columns.
    """

    list_file: str
    image_column: str = "image"
    label_column: str | None = "label"
    split_column: str | None = None
    images: str = ""
    labels: str = ""
    prefix: str = ""
    delimiter: str = ","

    @property
    def by_split(self) -> bool:
        """Whether there is a column of splits, or the table's name holds {split}."""
        return self.split_column is not None or names_split(self.list_file)

    def __call__(self, root: Path, split: str) -> list[Pair]:
        """The pairs.

        Raises ValueError: a missing column or split, files that are missing (Unmatched) or listed twice.
        """
        return _listed_pairs(self._entries(root, split), root, self.images, self.labels, self.prefix)

    def _entries(self, root: Path, split: str) -> Iterator["_Entry"]:
        path = fill(root, self.list_file, split)
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=self.delimiter, restval="")
            header = list(reader.fieldnames or ())
            for column in (self.image_column, self.label_column, self.split_column):
                if column is not None and column not in header:
                    raise ValueError(f"{path}: no column '{column}'; its columns: {', '.join(header)}")
            rows = [(f"{path}, line {reader.line_num}", row) for row in reader]
        if self.split_column is not None:
            require_split(split, sorted({row[self.split_column] for _, row in rows}), str(path))
            rows = [(where, row) for where, row in rows if row[self.split_column] == split]
        for where, row in rows:
            label = row[self.label_column] if self.label_column else None
            yield _Entry(where, row[self.image_column], label or None)


class _Entry(NamedTuple):
    """What a list says of a pair, and where it says so."""

    where: str
    image: str
    label: str | None


def _listed_pairs(entries: Iterator[_Entry], root: Path, images: str, labels: str, prefix: str) -> list[Pair]:
    """The pairs that a list names.  Raises ValueError: files are missing, or a picture is listed twice."""
    lines: dict[Path, tuple[Path | None, Path | None, str | None]] = {}
    for where, image, label in entries:
        if prefix:
            image, label = _cut(image, prefix), None if label is None else _cut(label, prefix)
        path = _listed_file(root, images, image, IMAGE_SUFFIXES)
        label_path = None if label is None else _listed_file(root, labels, label, LABEL_SUFFIXES)
        if path is not None and path == label_path:  # in the place of the picture, which is not there
            path = None
        named = path or root / images / image
        if named in lines:
            raise ValueError(f"{where}: {named} is listed twice; keep one of the two lines")
        wrong = None
        if path is None:
            wrong = f"{where}: {named} is missing"
        elif label is not None and label_path is None:
            wrong = f"{where}: {root / labels / label} is missing"
        lines[named] = path, label_path, wrong
    found = Listed(
        "add the file, correct the list, or say what its paths are relative to (the source's images, labels "
        "and prefix)"
    )
    names = iter(_names([path for path, _, _ in lines.values() if path is not None]))
    for path, label_path, wrong in lines.values():
        found.add("" if path is None else next(names), path, label_path, wrong)
    return found.pairs()


def _cut(entry: str, prefix: str) -> str:
    return entry.removeprefix(prefix).lstrip("/") if entry.startswith(prefix) else entry


def _listed_file(root: Path, folder: str, entry: str, suffixes: frozenset[str]) -> Path | None:
    """The file that an entry names, whatever its suffix; None: there is none."""
    for base in dict.fromkeys((root / folder, root)):
        path = base / entry
        stem = path.with_name(_without_suffix(path.name))
        for candidate in (path, *(Path(f"{stem}{suffix}") for suffix in sorted(suffixes))):
            if candidate.is_file():
                return candidate
    return None


def _names(images: Sequence[Path]) -> list[str]:
    """Their stems; if one repeats, the paths below the folder that they share, joined by _."""
    stems = [path.stem for path in images]
    if len(set(stems)) == len(stems):
        return stems
    shared = os.path.commonpath([path.parent for path in images])
    return ["_".join(path.relative_to(shared).with_suffix("").parts) for path in images]


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Where a line stands, and its words; empty lines are passed over."""
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if line.split():
            yield f"{path}, line {number}", line.split()


def _without_suffix(name: str) -> str:
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else name
