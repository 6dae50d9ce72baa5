"""Decoded pixels on disk: written once, then read where they lie, only the pages that a crop touches.

A folder holds shards.  A shard belongs to the one process that writes it, so that any number of processes,
ranks and machines may fill a folder at once: ``<name>.pixels`` are arrays back to back, ``<name>.index`` says
of each what it is and where it begins.  An array is entered there when it is safely on disk; what a killed
process left half-written is never found.  Nothing is ever changed or deleted: a shard may be read while it
grows, and the folder may be deleted between runs.
"""

import errno
import hashlib
import math
import mmap
import os
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

SHARD_BYTES = 4 * 2**30
MOST_OPEN = 128  # shards that a process has mapped at once
SPARED_SHARE, SPARED_BYTES = 0.1, 8 * 2**30  # of the disk, whichever is less: is left free
PAGE = 4096  # arrays begin at a page of their own
MOST_RECENT = 1024  # entries that wait for being sorted in
ENTRY = np.dtype([("key", "<u8", 2), ("offset", "<u8"), ("shape", "<u4", 3), ("check", "<u4")])
PLACE = np.dtype([("key", "<u8", 2), ("offset", "<u8"), ("shape", "<u4", 3), ("shard", "<u4")])


class Place(NamedTuple):
    """Where an array lies."""

    shard: int
    offset: int
    shape: tuple[int, ...]


def key_of(path: Path, meaning: str) -> bytes:
    """What stands for a file as it is now, read in some way: 16 bytes.

    A file of another path, size or time of change has another key.  meaning: how its bytes become pixels.
    Raises OSError: no such file.
    """
    stat = path.stat()
    named = f"{os.path.abspath(path)}\n{stat.st_size}\n{stat.st_mtime_ns}\n{meaning}"
    return hashlib.blake2b(os.fsencode(named), digest_size=16).digest()


class PixelCache:
    """Arrays by key, in a folder.  A process that is forked from this one goes on for itself.

    room: bytes there are in all, and are free, for the folder.
    tell: is told that nothing more can be written, once for this process and all that it starts.
    Raises ValueError: the folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        tell: Callable[[str], None] = print,
        shard_bytes: int = SHARD_BYTES,
        room: Callable[[Path], tuple[int, int]] | None = None,
    ) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"data.cache_dir={folder}: cannot be made ({error.strerror}); name a folder that can be "
                "written"
            ) from error
        self.folder = folder
        self._tell = tell
        self._full = get_context().Value("b", 0)
        self._shard_bytes = shard_bytes
        self._room = room or disk_room
        self._start()

    def _start(self) -> None:
        self._owner = os.getpid()
        self._index = _Index(self.folder)
        self._mapped: OrderedDict[int, mmap.mmap] = OrderedDict()
        self._writer: _Writer | None = None

    def __getstate__(self) -> dict[str, Any]:
        own = ("_owner", "_index", "_mapped", "_writer")
        return {name: value for name, value in self.__dict__.items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    def get(self, key: bytes) -> Pixels | None:
        """The array of a key, uint8 (H, W) or (H, W, channels), read-only; None: not here."""
        try:
            place = self._index.find(key)
            return None if place is None else self._view(place)
        except (OSError, ValueError):  # deleted or cut since it was found: forget what is known of the folder
            self._start()
            return None

    def put(self, key: bytes, pixels: Pixels) -> None:
        """Keep an array.  Where there is no room, that is told, and nothing more is tried."""
        if self._full.value:
            return
        if self._writer is None or self._owner != os.getpid():
            self._writer, self._owner = _Writer(self.folder, self._shard_bytes), os.getpid()
        try:
            self._require_room(pixels.nbytes)
            self._writer.write(key, pixels)
        except OSError as error:
            with self._full.get_lock():
                first, self._full.value = not self._full.value, 1
            if first:
                self._tell(
                    f"{self.folder}: no more decoded pixels can be kept ({error.strerror}); pictures that "
                    "are not there are decoded each time. Make room, or set data.cache_dir=FOLDER"
                )

    def _require_room(self, num_bytes: int) -> None:
        """Raises OSError: it would be nearly full, which checkpoints and workers would suffer from."""
        total, free = self._room(self.folder)
        if free - num_bytes < min(SPARED_SHARE * total, SPARED_BYTES):
            raise OSError(errno.ENOSPC, f"only {free / 1e9:.1f} GB are free")

    def _view(self, place: Place) -> Pixels:
        size = math.prod(place.shape)
        mapped = self._mapped.get(place.shard)
        if mapped is None or len(mapped) < place.offset + size:
            with self._index.pixels_of(place.shard).open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._mapped[place.shard] = mapped
            while len(self._mapped) > MOST_OPEN:
                self._mapped.popitem(last=False)
        self._mapped.move_to_end(place.shard)
        return np.frombuffer(mapped, np.uint8, size, place.offset).reshape(place.shape)


class _Index:
    """Where the arrays of a folder are, as far as this process has looked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: list[str] = []
        self._num_read: dict[str, int] = {}  # entries, of each shard
        self._keys = np.empty(0, np.uint64)  # sorted: the first half of each key
        self._places = np.empty(0, PLACE)
        self._recent: dict[bytes, NDArray[np.void]] = {}
        self._next_look = 0.0

    def find(self, key: bytes) -> Place | None:
        """The place of a key, after another look at the folder if need be; None: it is in no shard."""
        found = self._known(key)
        if found is None and time.monotonic() >= self._next_look:
            start = time.monotonic()
            self._look()
            # Looking through very many shards must not become what a miss costs.
            self._next_look = time.monotonic() + 20 * (time.monotonic() - start)
            found = self._known(key)
        return found

    def pixels_of(self, shard: int) -> Path:
        """The file of a shard's arrays."""
        return self._folder / f"{self._shards[shard]}.pixels"

    def _known(self, key: bytes) -> Place | None:
        if key in self._recent:
            return _place(self._recent[key])
        halves = np.frombuffer(key, "<u8")
        first = int(np.searchsorted(self._keys, halves[0]))
        for place in self._places[first:]:
            if place["key"][0] != halves[0]:
                break
            if place["key"][1] == halves[1]:
                return _place(place)
        return None

    def _look(self) -> None:
        """Take in what was entered since the last look, by this process or others."""
        with os.scandir(self._folder) as files:
            names = sorted(file.name[:-6] for file in files if file.name.endswith(".index"))
        for name in names:
            if name not in self._num_read:
                self._shards.append(name)
                self._num_read[name] = 0
        new = [self._entered(shard) for shard in range(len(self._shards))]
        found = np.concatenate([np.empty(0, PLACE), *new])
        if len(self._recent) + len(found) <= MOST_RECENT:
            self._recent |= {place["key"].tobytes(): place for place in found}
            return
        places = np.concatenate([self._places, np.array(list(self._recent.values()), PLACE), found])
        order = np.argsort(places["key"][:, 0], kind="stable")
        self._places = places[order]
        self._keys, self._recent = self._places["key"][:, 0].copy(), {}

    def _entered(self, shard: int) -> NDArray[np.void]:
        """The new entries of a shard that are whole, and whose pixels are there."""
        name = self._shards[shard]
        try:
            path = self._folder / f"{name}.index"
            entries = np.fromfile(path, ENTRY, offset=self._num_read[name] * ENTRY.itemsize)
            num_bytes = self.pixels_of(shard).stat().st_size
        except OSError:  # deleted
            entries, num_bytes = np.empty(0, ENTRY), 0
        self._num_read[name] += len(entries)
        ends = entries["offset"] + np.maximum(entries["shape"], 1).astype(np.uint64).prod(1)
        whole = entries[(entries["check"] == _check(entries)) & (ends <= num_bytes)]
        places = np.empty(len(whole), PLACE)
        for field in ("key", "offset", "shape"):
            places[field] = whole[field]
        places["shard"] = shard
        return places


class _Writer:
    """One process's own shards."""

    def __init__(self, folder: Path, shard_bytes: int) -> None:
        self._folder = folder
        self._shard_bytes = shard_bytes
        self._shard = folder / uuid.uuid4().hex
        self._end = 0
        self._num_entries = 0

    def write(self, key: bytes, pixels: Pixels) -> None:
        """Append an array, then its entry.  Raises OSError; what was written of it is given back."""
        if self._end >= self._shard_bytes:
            self._shard, self._end, self._num_entries = self._folder / uuid.uuid4().hex, 0, 0
        entry = np.zeros(1, ENTRY)
        entry["key"], entry["offset"] = np.frombuffer(key, "<u8"), self._end
        entry["shape"][0, : pixels.ndim] = pixels.shape
        entry["check"] = _check(entry)
        _write(self._shard.with_suffix(".pixels"), np.ascontiguousarray(pixels).data.cast("B"), self._end)
        place = self._num_entries * ENTRY.itemsize
        _write(self._shard.with_suffix(".index"), memoryview(entry.tobytes()), place)
        self._num_entries += 1
        self._end += -(-pixels.size // PAGE) * PAGE


def disk_room(folder: Path) -> tuple[int, int]:
    """Bytes that its file system has, and that are free."""
    disk = os.statvfs(folder)
    return disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize


def _write(path: Path, content: memoryview, offset: int) -> None:
    """Write at ``offset``, and wait until it is on disk.  Raises OSError; the file then ends there again."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        written = 0
        while written < len(content):
            written += os.pwrite(descriptor, content[written:], offset + written)
        os.fdatasync(descriptor)
    except OSError:
        os.ftruncate(descriptor, offset)
        raise
    finally:
        os.close(descriptor)


def _check(entries: NDArray[np.void]) -> NDArray[np.uint32]:
    """A sum by which an entry that was not written whole is known."""
    words = np.ascontiguousarray(entries).view("<u4").reshape(len(entries), ENTRY.itemsize // 4)[:, :-1]
    factors = np.uint64(0x9E3779B97F4A7C15) * np.arange(1, words.shape[1] + 1, dtype=np.uint64)
    return np.asarray((words * factors).sum(1, dtype=np.uint64) >> np.uint64(32), np.uint32)


def _place(found: NDArray[np.void]) -> Place:
    shape = tuple(int(side) for side in found["shape"] if side)
    return Place(int(found["shard"]), int(found["offset"]), shape)
