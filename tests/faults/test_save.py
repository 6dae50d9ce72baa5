"""A kill or a full disk while a checkpoint is written, a read-only folder, a damaged checkpoint."""

import multiprocessing
import os
import signal
import subprocess

import pytest
import torch
from fault_runs import same_run

from atrous import checkpoint
from atrous.checkpoint import AtomicCheckpointIO
from atrous.labels import label_set

LABELS = label_set("mine", ["ground", "left", "right"])
MOMENTS = ("open", "half", "fsync", "second name", "rename")


def contents(step, size=1000):
    own = {"version": checkpoint.VERSION, "config": {}, "labels": LABELS.to_dict(), "seconds": 1.0}
    return {"atrous": own, "state_dict": {"weight": torch.full((size,), step)}, "global_step": step}


def save(folder, step, size=1000):
    kept = {"previous": folder / "previous.ckpt"}
    AtomicCheckpointIO().save_checkpoint(contents(step, size), folder / "last.ckpt", kept)


def killed_at(moment, folder):
    """Save step 3 in this process, and be killed before ``moment`` of it."""

    def before(function, applies=lambda *args: True):
        def called(*args, **kwargs):
            if applies(*args):
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return called

    if moment == "open":
        torch.save = before(torch.save)
    elif moment == "half":
        torch.save = lambda data, file: (file.write(b"PK" * 500), file.flush(), os.kill(os.getpid(), 9))
    elif moment == "fsync":
        os.fsync = before(os.fsync)
    elif moment == "second name":
        os.replace = before(os.replace)
    elif moment == "rename":
        os.replace = before(os.replace, lambda source, target: str(target).endswith("last.ckpt"))
    save(folder, 3)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_leaves_the_checkpoint_before(moment, tmp_path):
    save(tmp_path, 1)
    save(tmp_path, 2)
    process = multiprocessing.get_context("fork").Process(target=killed_at, args=(moment, tmp_path))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    told = []
    found = checkpoint.newest(tmp_path, told.append)
    assert (found.step, told) == (2, [])
    assert set(path.name for path in tmp_path.glob("*.ckpt")) == {"last.ckpt", "previous.ckpt"}
    save(tmp_path, 4)  # what was left half written is in nobody's way
    assert checkpoint.read(tmp_path / "last.ckpt").step == 4
    assert checkpoint.read(tmp_path / "previous.ckpt").step == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no disk of its own can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_leaves_the_checkpoint_before(small_disk):
    save(small_disk, 1, size=100_000)
    with pytest.raises(ValueError, match=r"\(No space left on device\); the one before is kept"):
        save(small_disk, 2, size=500_000)
    assert checkpoint.read(small_disk / "last.ckpt").step == 1
    assert [path.name for path in small_disk.iterdir()] == ["last.ckpt"]


def test_a_disk_that_fills_in_a_training(small_disk, trainings):
    """The first checkpoints fit, later ones do not: something else has filled the disk."""
    run = f"hydra.run.dir={small_disk}/run"
    trainings.succeed(run, "trainer.max_steps=4", "callbacks.pictures=null")
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "other").write_bytes(bytes(free - 20_000))
    done = trainings(run, "resume=auto", "trainer.max_steps=8", "callbacks.pictures=null")
    assert done.code == 1
    assert "last.ckpt: cannot be written (No space left on device); the one before is kept" in done.said
    assert "Traceback" not in done.said
    assert checkpoint.read(small_disk / "run" / "last.ckpt").step == 4


def test_a_folder_that_cannot_be_written_is_told_at_once(small_disk, trainings):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = trainings(f"hydra.run.dir={small_disk}/run")
    assert done.code == 1
    assert f"atrous: {small_disk}/run: Read-only file system" in done.said
    assert "Traceback" not in done.said


@pytest.mark.parametrize("damage", ["cut", "empty", "zeros", "gone"])
def test_a_damaged_newest_checkpoint(damage, trainings, unbroken):
    run = trainings.folder / "run"
    trainings.succeed("hydra.run.dir=run", "trainer.max_steps=8", "+trainer.limit_test_batches=1")
    last = run / "last.ckpt"
    content = last.read_bytes()
    middle = len(content) // 2
    if damage == "gone":
        last.unlink()
    else:
        damaged = {
            "cut": content[:middle],
            "empty": b"",
            "zeros": content[:middle] + bytes(4096) + content[middle + 4096 :],
        }
        last.write_bytes(damaged[damage])
    said = trainings.succeed("hydra.run.dir=run", "resume=auto", "+trainer.limit_test_batches=1")
    assert "going on from previous.ckpt" in said
    assert (run / "damaged.ckpt").exists() == (damage != "gone")
    assert "last.ckpt: " in said
    assert "; going back to previous.ckpt" in said
    same_run(unbroken(), run)
