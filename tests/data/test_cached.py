import fcntl
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from fabricate import write_pair
from PIL import Image

from atrous import build
from atrous.data import cached, decoders, reading
from atrous.data.cache import PixelCache
from atrous.data.cached import Cached, memory_folder, memory_room
from atrous.data.label_formats import Threshold
from atrous.data.layouts.pairs import Pair
from atrous.data.reading import Files
from atrous.labels import label_set

LABELS = label_set("mine", ["ground", "left", "right"])
BINARY = label_set("binary", ["ground", "object"])


def pair_in(folder, seed=0):
    write_pair(folder / "i.png", folder / "l.png", [0, 1, 2, 255], seed)
    return Pair("i", folder / "i.png", folder / "l.png")


def test_files_are_decoded_once_until_they_change(tmp_path, monkeypatch):
    pair = pair_in(tmp_path)
    decoded = []
    monkeypatch.setattr(
        cached, "read_image", lambda path, **options: decoded.append(path) or read_image(path, **options)
    )
    read_image = reading.read_image
    read = Cached(Files(LABELS), PixelCache(tmp_path / "pixels"))
    for _ in range(3):
        for ours, theirs in zip(read(pair), Files(LABELS)(pair), strict=True):
            assert (ours == theirs).all()
    assert len(decoded) == 1
    pair_in(tmp_path, seed=1)
    for ours, theirs in zip(read(pair), Files(LABELS)(pair), strict=True):
        assert (ours == theirs).all()
    assert len(decoded) == 2


def test_labels_of_another_set_or_format_are_others(tmp_path):
    pair = pair_in(tmp_path)
    Image.fromarray(np.array([[0, 200], [255, 100]], np.uint8)).save(pair.label)
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(pair.image)
    kept = PixelCache(tmp_path / "pixels")
    for files in (Files(BINARY, Threshold(150)), Files(BINARY, Threshold(50)), Files(LABELS, Threshold(50))):
        read = Cached(files, kept)
        if files.labels is LABELS:
            with pytest.raises(ValueError, match="label set 'mine'"):
                read(pair)
        else:
            assert (read(pair)[1] == files(pair)[1]).all()
            assert (read(pair)[1] == files(pair)[1]).all()


def test_another_decoder_is_another_meaning(tmp_path, monkeypatch):
    kept = PixelCache(tmp_path / "pixels")
    before = Cached(Files(LABELS), kept)._picture
    monkeypatch.setattr(decoders, "jpeg", None)
    assert Cached(Files(LABELS), kept)._picture != before


def test_what_is_wrong_with_a_file_is_said_as_without(tmp_path):
    pair = pair_in(tmp_path)
    read = Cached(Files(LABELS), PixelCache(tmp_path / "pixels"))
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(pair.label)
    with pytest.raises(ValueError, match=r"l\.png: labels of 6x5 pixels for a picture of 64x48"):
        read(pair)
    pair.image.unlink()
    with pytest.raises(ValueError, match=r"i\.png: cannot be read as a picture \(No such file"):
        read(pair)


def batches(composed, num_workers, *options):
    cfg = composed(
        "train", f"data.num_workers={num_workers}", "sampling=class_uniform", "mix=classmix", *options
    )
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    loader, seen = data.train_dataloader(), []
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        seen += list(loader)
    return seen + list(data.val_dataloader())


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("augment", ["default", "crop"])
def test_a_training_reads_the_same_with_and_without_a_cache(composed, tmp_path, num_workers, augment):
    options = (f"augment={augment}", f"data.cache_dir={tmp_path}/pixels")
    without = batches(composed, num_workers, *options)
    for _ in range(2):
        kept = batches(composed, num_workers, *options, "data.cache=disk")
        for ours, theirs in zip(kept, without, strict=True):
            assert ours["names"] == theirs["names"]
            assert torch.equal(ours["images"], theirs["images"])
            assert torch.equal(ours["labels"], theirs["labels"])
    assert list((tmp_path / "pixels").glob("*.pixels"))


def test_an_unknown_kind_of_cache(composed):
    with pytest.raises(ValueError, match=r"data\.cache=dsik: expected none, ram or disk"):
        batches(composed, 0, "data.cache=dsik")


USER = """
import os, sys, time
from pathlib import Path
from atrous.data.cached import memory_folder
folder = memory_folder(Path(sys.argv[1]))
assert folder == memory_folder(Path(sys.argv[1]))  # as the second run of a sweep
(folder / "x").write_text("x")
if os.fork() == 0:  # as a worker of a loader
    os._exit(0)
os.wait()
print(folder, flush=True)
sys.stdin.read()
"""


def user_of(root):
    started = subprocess.Popen(
        [sys.executable, "-c", USER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout.readline().strip() == str(root / f"atrous-{os.getuid()}")
    return started


def test_memory_is_given_back_when_the_last_run_ends(tmp_path):
    first, second = user_of(tmp_path), user_of(tmp_path)
    folder = tmp_path / f"atrous-{os.getuid()}"
    first.communicate("")
    assert (folder / "x").exists()
    second.send_signal(signal.SIGKILL)  # leaves it
    second.communicate()
    assert (folder / "x").exists()
    third = user_of(tmp_path)  # finds it, and takes it along
    third.communicate("")
    assert not folder.exists()


def test_memory_is_not_taken_from_a_run_that_begins(tmp_path):
    """The folder is held from before its first use, and made anew where a run took it along in between."""
    going = user_of(tmp_path)
    held = os.open(tmp_path / f"atrous-{os.getuid()}" / "held", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    going.communicate("")
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(held)
    again = user_of(tmp_path)
    again.communicate("")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("available", "limit", "used", "expected"),
    [(10_000, "max", 0, (20_480_000, 10_240_000)), (10_000, 9_000_000, 4_000_000, (9_000_000, 5_000_000))],
)
def test_memory_is_left_to_the_machine_and_its_container(
    tmp_path, monkeypatch, available, limit, used, expected
):
    (tmp_path / "meminfo").write_text(
        f"MemTotal: 20000 kB\nMemAvailable: {available} kB\nHugePages_Total: 0\n"
    )
    (tmp_path / "memory.max").write_text(str(limit))
    (tmp_path / "memory.current").write_text(str(used))
    monkeypatch.setattr(cached, "PROC", tmp_path)
    monkeypatch.setattr(cached, "CGROUP", tmp_path)
    assert memory_room(tmp_path) == expected


def test_a_damaged_picture_is_told_each_time(tmp_path):
    pair = pair_in(tmp_path)
    read = Cached(Files(LABELS), PixelCache(tmp_path / "pixels"))
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8))
    image.save(tmp_path / "i.jpg", quality=95)
    content = (tmp_path / "i.jpg").read_bytes()
    (tmp_path / "i.jpg").write_bytes(content[:2000] + b"\xff\xd0" + content[2000:])
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"i\.jpg: damaged"):
            read(pair._replace(image=tmp_path / "i.jpg"))


def test_a_machine_without_such_memory(tmp_path):
    with pytest.raises(
        ValueError, match=r"data\.cache=ram: this machine has no .*missing; use data\.cache=disk"
    ):
        memory_folder(tmp_path / "missing")


def test_memory_that_is_not_the_user_s_own_is_refused(tmp_path):
    """A link of another user would be written into, and pixels of another user would be trained on."""
    folder = tmp_path / f"atrous-{os.getuid()}"
    (tmp_path / "victim").mkdir()
    folder.symlink_to(tmp_path / "victim")
    with pytest.raises(ValueError, match=r"data\.cache=ram: .* is not a folder of your own"):
        memory_folder(tmp_path)
    assert list((tmp_path / "victim").iterdir()) == []
    folder.unlink()
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ValueError, match=r"delete it, or use data\.cache=disk"):
        memory_folder(tmp_path)


def test_memory_that_goes_while_it_is_taken_is_made_anew(tmp_path, monkeypatch):
    """The last run may delete the folder between any two steps of the next one's beginning."""
    folder, gone, flock = tmp_path / f"atrous-{os.getuid()}", [], fcntl.flock

    def vanish(held, how):
        if len(gone) < 2:
            gone.append(shutil.rmtree(folder))
        flock(held, how)

    monkeypatch.setattr(fcntl, "flock", vanish)
    assert memory_folder(tmp_path) == folder
    assert (len(gone), [path.name for path in folder.iterdir()]) == (2, ["held"])
