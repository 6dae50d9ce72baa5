"""What every layout shares: a pair of files, and the listing of folders into pairs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from atrous.labels import LabelSet

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
LABEL_SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff"})


class Pair(NamedTuple):
    """A picture and its labels on disk; ``label`` is None where a split has no labels."""

    name: str
    image: Path
    label: Path | None


class Layout(Protocol):
    """Where a data set's pairs lie on disk, and what its labels mean."""

    labels: LabelSet

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of a split, ordered by name."""
        ...


def require_root(root: Path, what: str, description: str | None) -> None:
    """Stop with the expected tree when the data are not there.

    Raises ValueError: ``root`` is no folder.
    """
    if not root.is_dir():
        raise ValueError(
            f"data.root={root}: no such folder; {what} is expected there "
            f"(set data.root=FOLDER, or paths.data=FOLDER for the folder above it).\n\n{description or ''}"
        )


def require_split(split: str, known: Sequence[str], what: str) -> None:
    """Raises ValueError: the data set has no such split."""
    if split not in known:
        raise ValueError(f"split '{split}': {what} has no such split; choose one of {', '.join(known)}")


def list_files(
    folder: Path, suffixes: Iterable[str], ending: str = "", description: str | None = None
) -> dict[str, Path]:
    """The files directly in ``folder`` by name, without ``ending`` and suffix; hidden files are passed over.

    ending: what the wanted stems end in ("_leftImg8bit"); it is cut off.
    description: the tree to show when the folder is missing.
    Raises ValueError: the folder is missing, or two files share a name.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; the tree must look like this:\n\n{description or ''}")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        usable = path.suffix.lower() in suffixes and path.stem.endswith(ending)
        if not usable or path.name.startswith("."):
            continue
        name = path.stem.removesuffix(ending)
        if name in found:
            raise ValueError(f"{path}: same name as {found[name].name}; keep one of the two")
        found[name] = path
    return found


def match(images: Mapping[str, Path], labels: Mapping[str, Path], split: str) -> list[Pair]:
    """Pictures and labels of the same name, as pairs.

    Raises ValueError: a picture without labels, labels without a picture, or nothing at all.
    """
    without_label = sorted(set(images) - set(labels))
    if without_label:
        raise ValueError(_unmatched("picture without label", [images[name] for name in without_label], split))
    without_image = sorted(set(labels) - set(images))
    if without_image:
        raise ValueError(_unmatched("label without picture", [labels[name] for name in without_image], split))
    return [Pair(name, images[name], labels[name]) for name in sorted(images)]


def _unmatched(what: str, paths: Sequence[Path], split: str) -> str:
    others = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
    return (
        f"{paths[0]}: {what} in split '{split}'{others}; add its partner, or take the file out of the folder"
    )
