"""Which pictures are predicted, and under which names."""

import glob
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from atrous.data.layouts.pairs import IMAGE_SUFFIXES

SUFFIXES = IMAGE_SUFFIXES | {".gif"}
VIDEOS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv"})
STREAMS = ("rtsp://", "rtmp://", "http://", "https://")
CAMERA = "camera"


class Found(NamedTuple):
    """A picture's file.  relative: below the input, with / between.  name: of its prediction, as short."""

    path: Path
    relative: str
    name: str


def is_video(given: str) -> bool:
    """Whether it is a video, a stream or a camera."""
    return is_camera(given) or given.startswith(STREAMS) or Path(given).suffix.lower() in VIDEOS


def is_camera(given: str) -> bool:
    """Whether it is ``camera``, or ``camera:1`` and so on."""
    return given == CAMERA or given.startswith(f"{CAMERA}:")


def find_pictures(given: str, key: str = "input") -> list[Found]:
    """The pictures that ``given`` means, a file, a folder with those in it, or a pattern, in their order.

    key: the option that it is, for the error.
    Raises ValueError: there is none.
    """
    if os.path.isfile(given):
        return [Found(Path(given), Path(given).name, Path(given).stem)]
    if os.path.isdir(given):
        everything = Path(glob.escape(given)) / "**" / "*"
        root, paths = Path(given), [Path(found) for found in _files(everything)]
    elif glob.has_magic(given):
        root, paths = _fixed(given), [Path(found) for found in _files(Path(given))]
    else:
        raise ValueError(
            f"{key}={given}: no such file or folder; expected a picture, a folder or pattern of pictures, a "
            "video, or camera"
        )
    pictures = [path for path in paths if path.suffix.lower() in SUFFIXES]
    if not pictures:
        hint = "; a video is given by itself" if any(path.suffix.lower() in VIDEOS for path in paths) else ""
        raise ValueError(
            f"{key}={given}: no picture; expected files {', '.join(f'*{each}' for each in sorted(SUFFIXES))}"
            + hint
        )
    relative = [path.relative_to(root).as_posix() for path in pictures]
    return [Found(*each) for each in zip(pictures, relative, names(relative), strict=True)]


def names(paths: Sequence[str]) -> list[str]:
    """What predictions of these files are called: a/b for a/b.png; a/b.png where a/b.jpg would be a/b too.

    paths: relative, with / between, each once.
    """
    whole: set[str] = set()
    while True:
        chosen = [path if path in whole else os.path.splitext(path)[0] for path in paths]
        count = Counter(chosen)
        shared = {path for path, name in zip(paths, chosen, strict=True) if count[name] > 1} - whole
        if not shared:
            return chosen
        whole |= shared


def _files(pattern: Path) -> list[str]:
    """Sorted; hidden ones, such as the shadows that macOS leaves beside files, are no pictures."""
    return sorted(found for found in glob.glob(str(pattern), recursive=True) if os.path.isfile(found))


def _fixed(pattern: str) -> Path:
    """The folder that all which the pattern means lies in."""
    path = Path(pattern)
    parts = path.parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])
