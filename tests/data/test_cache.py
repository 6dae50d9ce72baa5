import hashlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from atrous.data import cache as module
from atrous.data.cache import ENTRY, PixelCache, key_of

pixels = arrays(np.uint8, array_shapes(min_dims=2, max_dims=3, max_side=9))
keys = st.binary(min_size=16, max_size=16)


def key(number):
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


def content(number, side=40):
    """What is kept under ``key(number)``."""
    return np.random.default_rng(number).integers(0, 256, (side, side + number % 7, 3)).astype(np.uint8)


@settings(max_examples=40)
@given(st.dictionaries(keys, pixels, max_size=20), st.sampled_from([1, 5000, 2**30]))
def test_what_is_kept_is_found_by_all(tmp_path_factory, kept, shard_bytes):
    folder = tmp_path_factory.mktemp("cache")
    writer, before = PixelCache(folder, shard_bytes=shard_bytes), PixelCache(folder)
    for number, (name, array) in enumerate(kept.items()):
        assert before.get(name) is None
        writer.put(name, array)
        before._index._next_look = 0  # it has just looked
        assert (before.get(name) == array).all(), number
    for reader in (writer, before, PixelCache(folder)):
        reader._index._next_look = 0
        for name, array in kept.items():
            found = reader.get(name)
            assert found.shape == array.shape
            assert (found == array).all()
            assert not found.flags.writeable


def test_very_many_are_sorted_in(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_RECENT", 10)
    kept = PixelCache(tmp_path)
    for number in range(100):
        kept.put(key(number), content(number, 3))
        kept._index._next_look = 0
        assert (kept.get(key(number)) == content(number, 3)).all()
    assert len(kept._index._recent) <= 10
    assert all((PixelCache(tmp_path).get(key(number)) == content(number, 3)).all() for number in range(100))


def test_shards_are_few_files_and_fewer_are_open(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_OPEN", 4)
    kept = PixelCache(tmp_path, shard_bytes=20_000)
    for number in range(60):
        kept.put(key(number), content(number))
    assert len(list(tmp_path.iterdir())) == 2 * 20  # three arrays of two pages a shard
    before = len(os.listdir("/proc/self/fd"))
    views = [kept.get(key(number)) for number in range(60)]
    assert len(kept._mapped) == 4
    del views
    assert len(os.listdir("/proc/self/fd")) <= before + 4


def fill(folder, start, stop):
    kept = PixelCache(folder, shard_bytes=100_000)
    for number in range(start, stop):
        if kept.get(key(number)) is None:
            kept.put(key(number), content(number))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_several_processes_fill_and_read_at_once(tmp_path, method):
    context = multiprocessing.get_context(method)
    processes = [
        context.Process(target=fill, args=(tmp_path, part * 30, part * 30 + 60)) for part in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    kept = PixelCache(tmp_path)
    assert all((kept.get(key(number)) == content(number)).all() for number in range(150))


def test_a_forked_process_writes_a_shard_of_its_own(tmp_path):
    kept = PixelCache(tmp_path)
    kept.put(key(0), content(0))

    def more():
        kept.put(key(1), content(1))

    child = multiprocessing.get_context("fork").Process(target=more)
    child.start()
    child.join()
    kept.put(key(2), content(2))
    assert len(list(tmp_path.glob("*.pixels"))) == 2
    assert all((PixelCache(tmp_path).get(key(number)) == content(number)).all() for number in range(3))


def test_what_a_killed_process_left_is_whole_or_absent(tmp_path):
    for attempt in range(5):
        child = multiprocessing.get_context("fork").Process(target=fill, args=(tmp_path, 0, 100_000))
        child.start()
        time.sleep(0.02 + 0.03 * attempt)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    kept = PixelCache(tmp_path)
    found = [number for number in range(1000) if kept.get(key(number)) is not None]
    assert found
    assert all((kept.get(key(number)) == content(number)).all() for number in found)


def test_damage_is_never_read_and_mended_by_the_next(tmp_path):
    kept = PixelCache(tmp_path)
    for number in range(4):
        kept.put(key(number), content(number))
    (index,), (shard,) = tmp_path.glob("*.index"), tmp_path.glob("*.pixels")
    entries = bytearray(index.read_bytes())
    entries[ENTRY.itemsize + 20] ^= 1  # the second entry
    index.write_bytes(entries[:-5])  # and the last one is cut
    with shard.open("r+b") as file:
        file.truncate(2 * 8192 + 100)  # the third array is cut
    fresh = PixelCache(tmp_path)
    assert (fresh.get(key(0)) == content(0)).all()
    assert [fresh.get(key(number)) for number in (1, 2, 3)] == [None] * 3
    for number in (1, 2, 3):
        fresh.put(key(number), content(number))
    fresh._index._next_look = 0
    assert all((fresh.get(key(number)) == content(number)).all() for number in range(4))


def test_a_folder_that_is_emptied_is_filled_again(tmp_path):
    kept = PixelCache(tmp_path, shard_bytes=1)
    for number in range(3):
        kept.put(key(number), content(number))
    assert kept.get(key(0)) is not None
    for path in tmp_path.iterdir():
        path.unlink()
    assert kept.get(key(1)) is None
    kept.put(key(1), content(1))
    assert (kept.get(key(1)) == content(1)).all()


def test_a_folder_that_is_taken_away_is_told(tmp_path):
    told = []
    kept = PixelCache(tmp_path / "pixels", tell=told.append)
    kept.put(key(0), content(0))
    assert kept.get(key(0)) is not None
    shutil.rmtree(tmp_path / "pixels")
    kept._index._next_look = 0
    assert kept.get(key(1)) is None
    kept.put(key(1), content(1))
    assert kept.get(key(1)) is None
    assert "no more decoded pixels can be kept (No such file or directory)" in told[0]


def test_names_that_are_no_text_have_keys(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.png")
    path.write_bytes(b"")
    assert len(key_of(path, "")) == 16


LIMITED = """
    import resource, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from test_cache import content, key
    from atrous.data.cache import PixelCache

    told = []
    kept = PixelCache(Path(sys.argv[1]), tell=told.append)
    resource.setrlimit(resource.RLIMIT_FSIZE, (29_000, 29_000))
    for number in range(6):
        kept.put(key(number), content(number))
    assert len(told) == 1, told
    assert [kept.get(key(number)) is not None for number in range(6)] == [True] * 3 + [False] * 3
    print(told[0])
"""


def test_where_nothing_more_fits_it_is_told_once_and_the_rest_stays_whole(tmp_path):
    """A limit of the file size is as real an error as a full disk, and gives back what was half-written."""
    command = [sys.executable, "-c", textwrap.dedent(LIMITED), str(tmp_path), os.path.dirname(__file__)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "no more decoded pixels can be kept (File too large)" in done.stdout
    assert "set data.cache_dir=FOLDER" in done.stdout
    (shard,) = tmp_path.glob("*.pixels")
    assert shard.stat().st_size <= 3 * 8192
    assert all((PixelCache(tmp_path).get(key(number)) == content(number)).all() for number in range(3))


def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path, monkeypatch):
    told = []
    kept = PixelCache(tmp_path, tell=told.append)
    monkeypatch.setattr(module, "SPARED_SHARE", 1.1)
    monkeypatch.setattr(module, "SPARED_BYTES", 2**62)
    kept.put(key(0), content(0))
    kept.put(key(1), content(1))
    assert kept.get(key(0)) is None
    (sentence,) = told
    assert "GB are free" in sentence


LARGER = """
    import resource, sys
    from pathlib import Path
    import numpy as np
    from atrous.data.cache import PixelCache

    kept = PixelCache(Path(sys.argv[1]))
    own = next(line for line in open("/proc/self/status") if line.startswith("VmData"))
    limit = int(own.split()[1]) * 1024 + 16 * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        np.ones(64 * 2**20, np.uint8)
    except MemoryError:
        pass
    else:
        raise AssertionError("the limit does not bind")
    for number in range(32):
        view = kept.get(number.to_bytes(16, "little"))
        assert (view[::64] == number).all()
"""


def test_more_is_served_than_a_process_may_hold(tmp_path):
    kept = PixelCache(tmp_path)
    for number in range(32):
        kept.put(number.to_bytes(16, "little"), np.full((1024, 4096), number, np.uint8))
    command = [sys.executable, "-c", textwrap.dedent(LARGER), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ValueError, match=r"data\.cache_dir=.*file/pixels: cannot be made \(Not a directory\)"
    ):
        PixelCache(tmp_path / "file" / "pixels")


def test_a_file_that_changes_has_another_key(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    first = key_of(path, "meaning")
    assert first == key_of(path, "meaning")
    assert first != key_of(path, "other")
    os.utime(path, ns=(1, 1))
    second = key_of(path, "meaning")
    path.write_bytes(b"four")
    os.utime(path, ns=(1, 1))
    assert len({first, second, key_of(path, "meaning")}) == 3
