"""What the folder of a sweep tells: outcomes, and who is at work on which run."""

import errno
import fcntl
import math
import os
import subprocess
import sys

import pytest

from atrous.sweeps.folder import (
    STUDY,
    Outcome,
    alone,
    claim,
    given,
    hold,
    is_finished,
    is_held,
    read_outcomes,
    require_own,
    write_outcome,
    write_pruned,
)


def test_outcomes_are_read_as_they_were_written_in_the_order_of_their_numbers(tmp_path):
    written = [Outcome(str(run), {"lr": "0.1", "~ema": ""}, "finished", run / 8) for run in (0, 2, 10)]
    for outcome in reversed(written):
        write_outcome(tmp_path, outcome)
    assert read_outcomes(tmp_path) == written
    assert is_finished(tmp_path / "2")


def test_a_run_without_an_objective(tmp_path):
    write_outcome(tmp_path, Outcome("0", {}, "failed"))
    (found,) = read_outcomes(tmp_path)
    assert math.isnan(found.objective)
    assert not is_finished(tmp_path / "0")


def test_a_run_is_running_while_it_is_held_and_stopped_afterwards(tmp_path):
    write_outcome(tmp_path, Outcome("0", {}))
    with hold(tmp_path, "0"):
        assert [each.state for each in read_outcomes(tmp_path)] == ["running"]
    assert [each.state for each in read_outcomes(tmp_path)] == ["stopped"]


def test_a_run_that_ended_between_its_pruning_and_the_note_of_it(tmp_path):
    write_outcome(tmp_path, Outcome("0", {}))
    write_pruned(tmp_path / "0", 300, 0.25)
    assert [(each.state, each.objective) for each in read_outcomes(tmp_path)] == [("pruned", 0.25)]


HOLDS = """
import sys
from pathlib import Path
from atrous.sweeps.folder import alone, claim
with alone(Path(sys.argv[1])):
    held = claim(Path(sys.argv[1]), "0")
print(held is not None, flush=True)
sys.stdin.read()
"""


def test_a_run_belongs_to_a_living_process_alone(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "True\n"
        with alone(tmp_path):
            assert claim(tmp_path, "0") is None
            assert is_held(tmp_path, "0")
            assert not is_held(tmp_path, "1")
        process.kill()
    with alone(tmp_path), claim(tmp_path, "0") as held:
        assert held is not None


def test_options_by_key():
    options = ["optimizer.lr=0.1", "~callbacks.ema", "hydra.sweep.subdir=3", "resume=auto", "a='b=c'"]
    assert given(options) == {"optimizer.lr": "0.1", "~callbacks.ema": "", "a": "'b=c'"}


def test_a_folder_that_holds_a_sweep(tmp_path):
    require_own(tmp_path / "new", None, "val/miou")
    write_outcome(tmp_path, Outcome("0", {}))  # of before the metric was noted
    write_outcome(tmp_path, Outcome("1", {}, metric="val/miou"))
    require_own(tmp_path, "auto", "val/miou")
    with pytest.raises(ValueError, match=r"objective=val/loss: the runs in .* are ordered by val/miou"):
        require_own(tmp_path, "auto", "val/loss")
    with pytest.raises(ValueError, match=r"holds a sweep already; resume=auto goes on with it"):
        require_own(tmp_path, None, "val/miou")
    with pytest.raises(ValueError, match="holds a grid, and this is none"):
        require_own(tmp_path, "auto", "val/miou", by_optuna=True)
    (tmp_path / STUDY).touch()
    require_own(tmp_path, "auto", "val/miou", by_optuna=True)
    with pytest.raises(ValueError, match="holds a sweep by Optuna, and this is none"):
        require_own(tmp_path, "auto", "val/miou")


def test_locks_as_nfs_gives_them(tmp_path, monkeypatch):
    """A shared lock there is one on what may be read, an exclusive one on what may be written."""

    def flock(file, how, own=fcntl.flock):
        if not (file.readable() if how & fcntl.LOCK_SH else file.writable()):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        own(file, how)

    monkeypatch.setattr("fcntl.flock", flock)
    with alone(tmp_path), claim(tmp_path, "0"), hold(tmp_path, "0"):
        assert is_held(tmp_path, "0")


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def flock(file, how):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(ValueError, match=rf"hydra\.sweep\.dir={tmp_path}: its file system has no locks"):
        hold(tmp_path, "0")
