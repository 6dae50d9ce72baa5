"""A run that a scheduler tells to end saves a checkpoint, ends with the signal's status, and goes on."""

import os
import signal
import stat

import pytest
from fault_runs import same_run
from injected import fault

from atrous import checkpoint

RUN = ("hydra.run.dir=run", "resume=auto")
SECONDS = 30  # that a scheduler waits at least, before it kills
MOMENTS = {
    "in the middle of an epoch": ("batch_start", 4, 5),
    "at the end of an epoch": ("batch_end", 6, 6),
    "during a validation": ("validation_batch_end", 4, 4),
}


def status(name):
    return 128 + getattr(signal, f"SIG{name}")


ALL = [
    pytest.param(moment, name, marks=[] if name == "TERM" or place == 0 else pytest.mark.faults)
    for place, moment in enumerate(MOMENTS)
    for name in ("TERM", "USR1", "INT")
]


@pytest.mark.parametrize(("moment", "name"), ALL)
def test_one_process(moment, name, trainings, unbroken, record_property):
    hook, step, saved = MOMENTS[moment]
    done = trainings(*RUN, "data.num_workers=2", fault(name, hook, step))
    assert done.code == status(name), done.said
    record_property("seconds_to_end", done.seconds)
    assert done.seconds < SECONDS
    assert f"SIG{name}: stopped after step {saved}; resume=" in done.said
    assert "Traceback" not in done.said
    assert done.left_over() == []
    run = trainings.folder / "run"
    assert checkpoint.read(run / "last.ckpt").step == saved
    trainings.succeed(*RUN)
    same_run(unbroken(), run)


TWO = [
    pytest.param(moment, name, rank, marks=[] if (name, rank) == ("TERM", place % 2) else pytest.mark.faults)
    for place, moment in enumerate(MOMENTS)
    for name in ("TERM", "USR1")
    for rank in (0, 1)
]


@pytest.mark.parametrize(("moment", "name", "rank"), TWO)
def test_either_of_two_processes(moment, name, rank, trainings, unbroken, record_property):
    hook, step, saved = MOMENTS[moment]
    ended = trainings.two(*RUN, "data.num_workers=1", fault(name, hook, step, rank))
    assert ended[rank].code == status(name), ended[rank].said
    # In a validation the other one only loses the connection; who has started them knows the first status.
    assert ended[1 - rank].code in (status(name), 1), ended[1 - rank].said
    record_property("seconds_to_end", max(done.seconds for done in ended))
    assert all(done.seconds < SECONDS and done.left_over() == [] for done in ended)
    assert all("Traceback" not in done.said for done in ended), ended
    run = trainings.folder / "run"
    assert checkpoint.read(run / "last.ckpt").step in (saved, saved + 1)  # they agree a batch later
    assert [done.code for done in trainings.two(*RUN)] == [0, 0]
    same_run(unbroken(processes=2), run)


def test_slurm_puts_the_job_back_and_it_goes_on(trainings, unbroken):
    """The same command, run twice, without any folder in it."""
    called = trainings.folder / "scontrol.log"
    program = trainings.folder / "bin" / "scontrol"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {called}\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    job = {"SLURM_JOB_ID": "1234", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}
    job |= {"SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NODELIST": "localhost"}
    job |= {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    done = trainings("resume=auto", fault("USR1", "batch_start", 4), **job)
    assert done.code == status("USR1"), done.said
    assert called.read_text() == "requeue 1234\n"
    assert "job 1234 is back in the queue" in done.said
    trainings.succeed("resume=auto", **job)
    same_run(unbroken(), trainings.folder / "runs" / "slurm-1234")


@pytest.mark.parametrize("name", ["TERM", "USR1"])
def test_one_process_that_is_told_twice(name, trainings, unbroken):
    """As to a process and to its group: it is the same wish."""
    done = trainings(*RUN, fault(f"{name} {name}", "batch_start", 4))
    assert done.code == status(name), done.said
    trainings.succeed(*RUN)
    same_run(unbroken(), trainings.folder / "run")


def test_either_of_two_processes_where_both_are_told_twice(trainings, unbroken):
    ended = trainings.two(*RUN, fault("TERM TERM", "batch_start", 4, rank=None))
    assert [done.code for done in ended] == [status("TERM")] * 2, ended
    assert [done.code for done in trainings.two(*RUN)] == [0, 0]
    same_run(unbroken(processes=2), trainings.folder / "run")


def test_one_process_ends_at_once_by_a_second_interrupt(trainings):
    done = trainings(*RUN, fault("INT INT", "batch_start", 4))
    assert done.code == -signal.SIGINT


@pytest.mark.parametrize("rank", [0, 1])
def test_slurm_in_a_validation_of_two_processes(rank, trainings):
    """The process that ends puts the job back, whichever it is."""
    done = trainings.two(*RUN, fault("USR1", "validation_batch_end", 4, rank))
    assert done[rank].code == status("USR1")
    assert "SIGUSR1: stopped after step 4" in done[rank].said
