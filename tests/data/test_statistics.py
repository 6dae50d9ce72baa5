import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from atrous.data import statistics
from atrous.data.label_formats import INDEX, Threshold
from atrous.data.layouts.pairs import Pair
from atrous.data.statistics import class_counts
from atrous.labels import label_set

LABELS = label_set("mine", ["ground", "left", "right"])
PIXELS = [
    np.array([[0, 0, 1], [255, 1, 0]], np.uint8),
    np.array([[2, 2], [2, 255]], np.uint8),
]
EXPECTED = [[3, 2, 0, 1], [0, 0, 3, 1]]


@pytest.fixture
def pairs(tmp_path):
    found = []
    for index, pixels in enumerate(PIXELS):
        path = tmp_path / f"{index}.png"
        Image.fromarray(pixels).save(path)
        found.append(Pair(str(index), path, path))
    return found


class Counting:
    """class_counts, and whether it had to count."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, pairs, labels=LABELS, label_format=INDEX):
        told = []
        counts = class_counts(pairs, labels, label_format, self.folder, tell=told.append)
        assert counts.dtype == np.int64
        return counts.tolist(), bool(told)


@pytest.fixture
def counted(tmp_path):
    return Counting(tmp_path / "cache")


def test_counts_are_read_again_from_the_file(pairs, counted):
    assert counted(pairs) == (EXPECTED, True)
    assert counted(pairs) == (EXPECTED, False)
    assert counted(pairs[::-1]) == (EXPECTED[::-1], True)
    assert counted(pairs[:1]) == (EXPECTED[:1], True)


def test_a_label_file_that_changes_is_counted_anew(pairs, counted):
    counted(pairs)
    stat = pairs[0].label.stat()
    Image.fromarray(np.array([[1, 1, 1], [1, 1, 1]], np.uint8)).save(pairs[0].label)
    assert counted(pairs) == ([[0, 6, 0, 0], EXPECTED[1]], True)
    # Other content of the same size still has another time of change.
    same_size = pairs[0].label.read_bytes()
    os.utime(pairs[0].label, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert pairs[0].label.read_bytes() == same_size
    assert counted(pairs)[1]


def test_another_label_set_is_counted_anew(pairs, counted):
    counted(pairs)
    merged = label_set("mine", ["ground", "side"], raw_ids={"ground": 0, "side": [1, 2]})
    assert counted(pairs, merged) == ([[3, 2, 1], [0, 3, 1]], True)
    void = replace(LABELS, raw_ids={**LABELS.raw_ids, 1: 255})
    assert counted(pairs, void) == ([[3, 0, 0, 3], EXPECTED[1]], True)


def test_another_label_format_is_counted_anew(pairs, counted):
    two = label_set("mine", ["ground", "object"])
    counted(pairs[:1], replace(two, raw_ids={0: 0, 1: 1, 255: 255}))
    for above, expected in ((0, [3, 3, 0]), (1, [5, 1, 0])):
        for anew in (True, False):
            assert counted(pairs[:1], two, Threshold(above)) == ([expected], anew)


@pytest.mark.parametrize("kind", ["cut", "empty", "text", "flipped", "every byte"])
def test_a_damaged_file_is_counted_anew_and_mended(pairs, counted, kind):
    counted(pairs)
    (file,) = (counted.folder / "class_counts").iterdir()
    whole = file.read_bytes()
    damaged = {
        "cut": [whole[:-1]],
        "empty": [b""],
        "text": [b"not counts"],
        "flipped": [bytes([whole[0] ^ 1]) + whole[1:]],
        "every byte": [whole[:i] + bytes([whole[i] ^ 255]) + whole[i + 1 :] for i in range(len(whole))],
    }[kind]
    for content in damaged:
        file.write_bytes(content)
        assert counted(pairs) == (EXPECTED, True)
        assert counted(pairs) == (EXPECTED, False)
    assert [found.name for found in file.parent.iterdir()] == [file.name]


def test_a_cache_that_cannot_be_written_is_told_and_costs_only_time(pairs, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match=r"the class counts cannot be kept there .* set paths.cache=FOLDER"):
        assert Counting(tmp_path / "cache")(pairs) == (EXPECTED, True)


def test_a_write_that_fails_leaves_no_half_file(pairs, counted, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(statistics.os, "replace", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        counted(pairs)
    assert list((counted.folder / "class_counts").iterdir()) == []


def test_label_files_that_are_damaged_missing_or_hold_nothing(pairs, counted):
    Image.fromarray(np.full((2, 2), 7, np.uint8)).save(pairs[1].label)
    with pytest.raises(ValueError, match=r"1\.png: label value 7 is not in label set 'mine'"):
        counted(pairs)
    pairs[1].label.unlink()
    with pytest.raises(ValueError, match=r"1\.png: cannot be read \(No such file or directory\)"):
        counted(pairs)
    Image.fromarray(np.full((2, 2), 255, np.uint8)).save(pairs[1].label)
    with pytest.raises(ValueError, match="the training labels hold no pixel of label set 'mine'"):
        counted(pairs[1:])


def test_a_file_that_may_be_skipped_has_no_pixels_and_is_counted_again(pairs, tmp_path):
    """Another time it may be read: such counts are not kept."""
    pairs[1].label.write_bytes(b"")
    with pytest.raises(ValueError, match=r"1\.png: .* empty"):
        class_counts(pairs, LABELS, INDEX, tmp_path / "cache")
    for _ in range(2):
        told = []
        counts = class_counts(pairs, LABELS, INDEX, tmp_path / "cache", told.append, skip=True)
        assert counts.tolist() == [EXPECTED[0], [0, 0, 0, 0]]
        assert told
