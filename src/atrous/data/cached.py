"""Pairs whose decoded pixels are kept, in memory or on disk."""

import atexit
import fcntl
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from stat import S_ISDIR
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atrous.data.cache import PixelCache, disk_room, key_of
from atrous.data.decoders import versions
from atrous.data.label_formats import spelling
from atrous.data.layouts.pairs import Pair
from atrous.data.mix import Pixels
from atrous.data.reading import Files, matched, read_image, read_labels

DECODING = 2  # how files become pixels is another meaning when it changes
MEMORY = Path("/dev/shm")
PROC, CGROUP = Path("/proc"), Path("/sys/fs/cgroup")


class Cached:
    """Reads pairs as ``files`` does, to the last pixel, but decodes each file once.

    A file that has changed is decoded anew, as are labels of another label set or format.
    """

    def __init__(self, files: Files, pixels: PixelCache) -> None:
        self.files = files
        self.labels = files.labels
        self.pixels = pixels
        self.num_decoded = 0
        """Files, by this process."""
        self._picture = {upright: _digest([DECODING, versions(), upright]) for upright in (False, True)}
        self._truth = _digest([DECODING, versions(), spelling(files.labels, files.label_format)])

    def __call__(self, pair: Pair) -> Pixels:
        """As ``read_pair``; the pixels are read-only."""
        upright = pair.label is not None
        image = self._kept(pair.image, self._picture[upright], partial(read_image, upright=upright))
        truth = None if pair.label is None else self._kept(pair.label, self._truth, self._read_labels)
        return matched(pair, image, truth, self.labels)

    def _read_labels(self, path: Path) -> NDArray[np.uint8]:
        return read_labels(path, self.labels, self.files.label_format)

    def _kept(self, path: Path, meaning: str, read: Callable[[Path], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        try:
            key = key_of(path, meaning)
        except OSError:  # what is wrong with it is for the reader to say
            return read(path)
        found = self.pixels.get(key)
        if found is not None:
            return found
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = read(path)
        for warning in told:  # of damage: it is decoded, and told, each time
            warnings.warn(str(warning.message), stacklevel=2)
        if not told:
            self.pixels.put(key, found)
        self.num_decoded += 1
        return found


@cache
def memory_folder(root: Path = MEMORY) -> Path:
    """A folder in memory for all of this user's runs on this machine; it goes when the last of them ends.

    What a run left that was killed goes with the next one's end.
    Raises ValueError: this machine has no file system in memory, or the folder is not this user's own.
    """
    if not root.is_dir():
        raise ValueError(f"data.cache=ram: this machine has no {root}; use data.cache=disk")
    folder = root / f"atrous-{os.getuid()}"
    held = None
    while held is None:
        held = _held(folder)
    atexit.register(_leave, folder, held, os.getpid())
    return folder


def memory_room(folder: Path) -> tuple[int, int]:
    """Bytes that a folder in memory has, and that are free: in its file system, machine and container."""
    rooms = [disk_room(folder)]
    machine = dict(line.split(":") for line in (PROC / "meminfo").read_text().splitlines())
    rooms.append((_kilobytes(machine["MemTotal"]), _kilobytes(machine["MemAvailable"])))
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        rooms.append((limit, limit - used))
    except (OSError, ValueError):  # no such limit ("max")
        pass
    return min(total for total, _ in rooms), min(free for _, free in rooms)


def _kilobytes(text: str) -> int:
    return int(text.split()[0]) * 1024


def _held(folder: Path) -> int | None:
    """A descriptor that keeps the folder from being deleted; None: the last run took it along meanwhile."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _require_own(folder)
        held = os.open(folder / "held", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(held, fcntl.LOCK_SH)
        if (folder / "held").stat().st_ino == os.fstat(held).st_ino:
            return held
        os.close(held)
    except FileNotFoundError:
        pass
    return None


def _require_own(folder: Path) -> None:
    """Others may write beside it, and could have made it first, to read or choose this user's pixels."""
    stat = folder.lstat()
    if not S_ISDIR(stat.st_mode) or stat.st_uid != os.getuid() or stat.st_mode & 0o022:
        raise ValueError(
            f"data.cache=ram: {folder} is not a folder of your own that only you can write; delete it, or "
            "use data.cache=disk"
        )


def _leave(folder: Path, held: int, owner: int) -> None:
    if os.getpid() != owner:
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:  # another run is at it
        return
    shutil.rmtree(folder, ignore_errors=True)


def _digest(meaning: Any) -> str:
    return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()
