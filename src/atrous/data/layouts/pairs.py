"""What every layout shares: a pair of files, the listing of folders into pairs, and what is said of a wrong
tree.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from atrous.data.label_formats import LabelFormat
from atrous.labels import LabelSet

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
LABEL_SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff"})


class Pair(NamedTuple):
    """A picture and its labels on disk; ``label`` is None where a split has no labels.

    objects: a file that tells objects of one class apart, where the data set has such.
    """

    name: str
    image: Path
    label: Path | None
    objects: Path | None = None


class Layout(Protocol):
    """Where a data set's pairs lie on disk, what its labels mean and how its files spell them."""

    labels: LabelSet
    label_format: LabelFormat

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of a split, ordered by name."""
        ...


def require_root(root: str | Path, what: str, tree: str | None) -> Path:
    """``root``, if the data are there.

    tree: shown when they are not.
    Raises ValueError: ``root`` is no folder.
    """
    if not Path(root).is_dir():
        raise ValueError(
            f"data.root={root}: no such folder; {what} is expected there "
            f"(set data.root=FOLDER, or paths.data=FOLDER for the folder above it).\n\n{tree or ''}"
        )
    return Path(root)


def require_split(split: str, known: Iterable[str], what: str) -> None:
    """Raises ValueError: the data set has no such split."""
    known = tuple(known)
    if split not in known:
        raise ValueError(f"split '{split}': {what} has no such split; choose one of {', '.join(known)}")


def unpacked(root: Path, folder: str, holds: str) -> Path:
    """Where an archive's ``folder`` lies: ``root`` may be it, hold it, or hold it twice, one in the other.

    holds: a folder inside it.
    """
    places = (root, root / folder, root / folder / folder)
    return next((place for place in places if (place / holds).is_dir()), root / folder)


class Repeated(ValueError):
    """Two files of one name."""


def list_files(
    folder: Path, suffixes: Iterable[str], ending: str = "", deep: bool = False, whole: bool = False
) -> dict[str, Path]:
    """The files in ``folder`` by name, without ``ending`` and suffix; hidden files are passed over.

    ending: what the wanted stems end in ("_leftImg8bit"); it is cut off.
    deep: in the folders below as well.
    whole: names begin with the folders below, joined by _.
    Raises Repeated: two files share a name.  FileNotFoundError: the folder is missing.
    """
    found: dict[str, Path] = {}
    for parent, files in _visible(folder, deep):
        for file in sorted(files):
            stem, suffix = os.path.splitext(file)
            if suffix.lower() not in suffixes or not stem.endswith(ending):
                continue
            above = parent.relative_to(folder).parts if whole else ()
            name = "_".join([*above, stem.removesuffix(ending)])
            if name in found:
                raise Repeated(f"{parent / file}: same name as {found[name]}; keep one of the two")
            found[name] = parent / file
    return found


def _visible(folder: Path, deep: bool) -> Iterator[tuple[Path, list[str]]]:
    """Folders, in order, and the names in each."""
    with os.scandir(folder) as entries:
        here = [entry for entry in entries if not entry.name.startswith(".")]
    yield folder, [entry.name for entry in here]
    if deep:
        for name in sorted(entry.name for entry in here if entry.is_dir()):
            yield from _visible(folder / name, deep)


def match(images: Mapping[str, Path], labels: Mapping[str, Path]) -> list[Pair]:
    """Pictures and labels of the same name, as pairs.

    Raises Unmatched: a picture without labels, or labels without a picture.
    """
    pairs = [Pair(name, images[name], labels[name]) for name in sorted(set(images) & set(labels))]
    without_label = [images[name] for name in sorted(set(images) - set(labels))]
    without_image = [labels[name] for name in sorted(set(labels) - set(images))]
    if without_label or without_image:
        raise Unmatched(pairs, without_label, without_image)
    return pairs


def joined(find: Callable[[str], list[Pair]], splits: Iterable[str]) -> list[Pair]:
    """The pairs of several splits.  Raises Unmatched: what all of them lack."""
    pairs: list[Pair] = []
    errors: list[Unmatched] = []
    for split in splits:
        try:
            pairs += find(split)
        except Unmatched as error:
            pairs += error.pairs
            errors.append(error)
    if errors:
        raise Unmatched(
            pairs,
            [path for error in errors for path in error.without_label],
            [path for error in errors for path in error.without_image],
            [line for error in errors for line in error.missing],
            str(errors[0]),
        )
    return pairs


class Unmatched(ValueError):
    """Pictures without labels, or labels without a picture, and the pairs that are whole.

    missing: what is said of each line of a list whose files are not there at all.
    said: the message; None: the first file, and how many more.
    """

    def __init__(
        self,
        pairs: list[Pair],
        without_label: Sequence[Path],
        without_image: Sequence[Path],
        missing: Sequence[str] = (),
        said: str | None = None,
    ) -> None:
        self.pairs = pairs
        self.without_label = without_label
        self.without_image = without_image
        self.missing = missing
        if said is not None:
            super().__init__(said)
        elif without_label:
            super().__init__(_unmatched("picture without label", without_label))
        else:
            super().__init__(_unmatched("label without picture", without_image))

    def but(self, pairs: list[Pair]) -> "Unmatched":
        """The same of other whole pairs."""
        return Unmatched(pairs, self.without_label, self.without_image, self.missing, str(self))


def _unmatched(what: str, paths: Sequence[Path]) -> str:
    others = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
    return f"{paths[0]}: {what}{others}; add its partner, or take the file out of the folder"
