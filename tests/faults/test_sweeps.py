"""Sweeps of two processes a run: the same values in both, one folder a run; stopped, they go on."""

import csv
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from conftest import CHECKOUT
from fault_runs import HERE, SMALL, same, state

from atrous.run_folder import read_values

TWO = ("trainer=ddp", "data.batch_size=2", "trainer.max_steps=4", "hydra.sweep.dir=sweep", "resume=auto")
OPTUNA = ("hydra/sweeper=optuna", "optimizer.lr=tag(log,interval(1e-4,1e-1))", "hydra.sweeper.num_jobs=2")


@pytest.fixture
def sweep(command):
    """sweep(*options): run it; sweep.kill(path, *options): kill it, all at once, when ``path`` is there."""
    command.env["PYTHONPATH"] = os.pathsep.join(filter(None, (HERE, os.environ.get("PYTHONPATH"))))

    def run(*options):
        return command("train.py", "-m", *SMALL, *options, timeout=600)

    def kill(path, *options):
        program = [sys.executable, str(CHECKOUT / "train.py"), "-m", *SMALL, *options]
        process = subprocess.Popen(
            program, cwd=command.folder, env=command.env, process_group=0, stdout=subprocess.DEVNULL
        )
        while not (command.folder / path).exists():
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    run.kill = kill
    return run


def rows(folder):
    with (folder / "leaderboard.csv").open() as file:
        return {row["run"]: row for row in csv.DictReader(file)}


def lr(folder):
    return yaml.safe_load((folder / "config.yaml").read_text())["optimizer"]["lr"]


@pytest.mark.faults
def test_optuna_without_a_seed(sweep, command):
    """Two ranks that drew values of their own would not train alike: DDP checks no hyper-parameters."""
    folder = command.folder / "sweep"
    sweep.kill("sweep/1/last.ckpt", *TWO, *OPTUNA, "hydra.sweeper.seed=null")
    first, interrupted = state(folder / "0"), lr(folder / "1")
    again = ("hydra.sweep.dir=sweep", "holds a sweep already; resume=auto goes on with it")
    refused = sweep(*TWO[:-1], *OPTUNA)
    assert refused.returncode == 1
    assert all(part in refused.stderr for part in again)

    done = sweep(*TWO, *OPTUNA, "hydra.sweeper.seed=null")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir() if path.name.isdecimal()) == ["0", "1"]
    same(first, state(folder / "0"))  # what was finished is not run again
    assert lr(folder / "1") == interrupted  # what was running goes on with its values
    assert state(folder / "1")["global_step"] == 4
    for name, row in rows(folder).items():
        assert float(row["optimizer.lr"]) == lr(folder / name)
        last = [line["val/miou"] for line in read_values(folder / name) if "val/miou" in line][-1]
        assert float(row["objective"]) == last


@pytest.mark.faults
def test_a_grid_goes_on_where_it_was_stopped(sweep, command):
    """Run 0 fails, run 1 is stopped, run 2 has not begun."""
    grid = (*TWO, "data.splits.val=nowhere,val", "optimizer.lr=0.01,0.001")
    folder = command.folder / "sweep"
    sweep.kill("sweep/2/last.ckpt", *grid)
    done = sweep(*grid)
    assert done.returncode == 1
    assert "2 of the sweep's runs failed: 0, 1" in done.stderr
    assert done.stderr.count("split 'nowhere'") == 2  # once a run, not once a process
    found = rows(folder)
    assert [found[name]["objective"] == "nan" for name in "0123"] == [True, True, False, False]
    assert [lr(folder / name) for name in "23"] == [0.01, 0.001]
    assert all(state(folder / name)["global_step"] == 4 for name in "23")


@pytest.mark.faults
def test_two_processes_share_a_sweep(sweep, command):
    """One of them is killed: the other takes up what it has left."""
    shared = (*TWO[1:], "trainer=cpu", "sweep=optuna", "hydra.sweeper.num_jobs=4")
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(sweep, *shared)
        sweep.kill("sweep/1/last.ckpt", *shared)
        assert other.result().returncode == 0
    found = rows(command.folder / "sweep")
    assert sorted(found) == ["0", "1", "2", "3"]
    assert {row["state"] for row in found.values()} == {"finished"}
    for name, row in found.items():
        assert float(row["optimizer.lr"]) == lr(command.folder / "sweep" / name)
        assert state(command.folder / "sweep" / name)["global_step"] == 4


@pytest.mark.faults
def test_both_processes_of_a_pruned_run_end(sweep, command):
    pruner = ("hydra/sweeper/pruner=threshold", "hydra.sweeper.pruner.lower=2.0")
    done = sweep(*TWO, *OPTUNA[:-1], "hydra.sweeper.num_jobs=1", *pruner)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pruned after step 2") == 1
    assert rows(command.folder / "sweep")["0"]["state"] == "pruned"
    assert state(command.folder / "sweep" / "0")["global_step"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (OPTUNA[:1], "a sweep by Optuna needs a search space"),
        ((OPTUNA[0], "optimizer.lr=glob(*)"), "expected interval, range or choice"),
    ],
)
def test_a_search_space_that_is_none(options, said, sweep):
    done = sweep(*options, "hydra.sweep.dir=sweep")
    assert done.returncode == 1
    assert done.stderr.startswith("atrous: ")
    assert said in done.stderr
