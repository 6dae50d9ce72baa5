"""hydra/launcher=submitit_slurm against a stand-in for SLURM's programs: this machine is two nodes."""

import os
import re

import pytest
import slurm
from fault_runs import HERE, SMALL, same_run
from injected import fault

TWO_NODES = ("trainer=ddp", "trainer.devices=1", "trainer.num_nodes=2", "data.batch_size=2")


@pytest.fixture
def command(fresh_command):
    """Launchers hand on what python has started with."""
    return fresh_command


@pytest.fixture
def cluster(command):
    """The folder of the stand-in's programs; ``command`` finds them."""
    state = slurm.install(command.folder / "bin")
    found = os.pathsep.join(filter(None, (HERE, os.environ.get("PYTHONPATH"))))
    command.env |= {"PYTHONPATH": found, "PATH": f"{state}:{os.environ['PATH']}"}
    return state


@pytest.mark.slow
@pytest.mark.faults
def test_a_job_of_two_nodes_is_put_back_and_goes_on(cluster, command, unbroken):
    """Its time is over at step 4: one requeue, by the training itself; the end is that of an unbroken run."""
    options = ("hydra/launcher=submitit_slurm", "hydra.sweep.dir=sweep", "resume=auto")
    command.succeed(
        "train.py", "-m", *SMALL, *options, *TWO_NODES, fault("USR1", "batch_start", 4), timeout=600
    )
    script = (cluster / "script").read_text()
    wanted = ("nodes=2", "ntasks-per-node=1", "gpus-per-node=1", "signal=USR1@120", "requeue", "time=1440")
    assert {f"#SBATCH --{option}" for option in wanted} <= set(script.splitlines())
    assert [path.name for path in cluster.glob("*.requeue*")] == ["77.requeued"]
    logs = "".join(path.read_text() for path in (command.folder / "sweep/.submitit").rglob("*.out"))
    assert logs.count("SIGUSR1: stopped after step") == logs.count("job 77 is back in the queue") == 1
    assert not re.search("Requeued|Caught signal", logs)  # submitit's own way, which does not save
    assert [path.name for path in (command.folder / "sweep").iterdir() if path.name.isdecimal()] == ["0"]
    same_run(unbroken(processes=2), command.folder / "sweep" / "0")
