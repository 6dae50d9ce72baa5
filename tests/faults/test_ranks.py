"""One of two processes fails: all are gone in 30 seconds, and the first error is told once."""

import re
import signal

import pytest
import torch
from fault_runs import HERE, SMALL
from injected import fault

SECONDS = 30


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("hook", ["batch_start", "validation_batch_end"])
def test_an_error_is_told_once(hook, rank, trainings, record_property):
    ended = trainings.two("hydra.run.dir=run", fault("raise", hook, 4, rank))
    assert [done.code for done in ended] == [1, 1]
    said = "".join(done.said for done in ended)
    assert said.count("atrous: ") == 1
    assert said.count("atrous: injected fault") == 1
    assert "Traceback" not in said
    assert all(done.left_over() == [] for done in ended)
    record_property("seconds_to_end", max(done.seconds for done in ended))
    assert all(done.seconds < SECONDS for done in ended)


def test_wrong_input_is_told_once(trainings):
    ended = trainings.two("hydra.run.dir=run", "data.splits.val=dev")
    assert [done.code for done in ended] == [1, 1]
    assert "".join(done.said for done in ended).count("atrous: split 'dev'") == 1


@pytest.mark.slow
@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.faults), 1])
@pytest.mark.parametrize("action", [pytest.param("raise", marks=pytest.mark.faults), "KILL"])
def test_as_people_start_it(action, rank, command, trainings):
    """With the process that starts the two, which ends with the status of the one that failed."""
    command.env["PYTHONPATH"] = HERE
    two = ("trainer=ddp", "data.batch_size=2", "hydra.run.dir=run")
    done = command("train.py", *SMALL, *two, fault(action, "batch_start", 4, rank))
    assert done.returncode == (1 if action == "raise" else 128 + signal.SIGKILL)
    assert done.stderr.count("injected fault") == (action == "raise")
    assert not re.search("Traceback|RuntimeError", done.stderr)


@pytest.mark.slow
def test_two_devices_in_a_batch_script_of_slurm(command):
    """Without srun it is one process, whatever the number of tasks: its two must share one folder."""
    job = {"JOB_NAME": "train", "NTASKS": "2", "PROCID": "0", "LOCALID": "0", "NODEID": "0"}
    command.env |= {f"SLURM_{key}": value for key, value in job.items()}
    command.env |= {"SLURM_JOB_ID": "77", "SLURM_NODELIST": "localhost", "PYTHONPATH": HERE}
    said = command.succeed("train.py", *SMALL, "trainer=ddp", "data.batch_size=2", "resume=auto")
    assert said.count(f"run folder {command.folder}/runs/slurm-77: ") == 1
    assert (command.folder / "runs" / "slurm-77" / "last.ckpt").exists()


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="no two GPUs here")
@pytest.mark.parametrize("rank", [0, 1])
def test_a_lost_gpu_process(rank, command):
    """NCCL alone would wait for it for half an hour."""
    command.env["PYTHONPATH"] = HERE
    two = ("trainer=ddp", "trainer.accelerator=gpu", "data.batch_size=2", "hydra.run.dir=run")
    done = command("train.py", *SMALL, *two, fault("KILL", "batch_start", 4, rank), timeout=120)
    assert done.returncode == 128 + signal.SIGKILL
