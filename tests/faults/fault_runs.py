"""Trainings in processes of their own that can be killed: forked from one that has imported everything."""

import time
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import forked
import torch
from conftest import CHECKOUT, TINY, Command

from atrous import checkpoint
from atrous.run_folder import read_values

TIMINGS = ("train/pictures_per_second", "train/data_wait")
# 12 scenes in batches of 4: 3 batches an epoch, with dropout, batch norm and augmentation.
SMALL = (
    *TINY,
    "model=unet_paper",
    "model.net._target_=tiny.TinyNet",
    "model.net.width=8",
    "model.net.batch_norm=true",
    "trainer.log_every_n_steps=1",
    "trainer.max_steps=8",
    "trainer.val_check_interval=2",
    "scheduler.warmup_steps=2",
)
HERE = str(Path(__file__).parent)


def same(one, other, where=""):
    """Raises AssertionError: two checkpoints differ; names where."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), (where, one.keys() ^ other.keys())
        for key in one:
            same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            same(left, right, f"{where}/{index}")
    else:
        assert one == other, (where, one, other)


def state(folder: Path, name: str = "last"):
    """What a checkpoint holds but its config and its clock."""
    contents = checkpoint.load(folder / f"{name}.ckpt")
    own = contents.pop("atrous")
    return contents | {"num_values": own["num_values"]}


def values(folder: Path):
    """The logged values, without what a clock measured."""
    return [{k: v for k, v in line.items() if k not in TIMINGS} for line in read_values(folder)]


def same_run(one: Path, other: Path) -> None:
    """Raises AssertionError: two runs differ in their last or best checkpoint or in a logged value."""
    same(state(one), state(other), "last")
    same(state(one, "best"), state(other, "best"), "best")
    assert values(one) == values(other)


@dataclass
class Done:
    """How a process ended.  code: its exit status; negative: the signal.  seconds: from start to end."""

    code: int
    said: str
    seconds: float
    session: int

    def left_over(self) -> list[str]:
        """What is still running of its processes."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                line = (process / "stat").read_text()
            except OSError:
                continue
            fields = line.rpartition(")")[2].split()
            if int(fields[3]) == self.session and fields[0] != "Z":
                found.append(line)
        return found


class Trainings:
    """Runs train.py in a forked process; the argument ``environ`` adds to its environment."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.env = {**Command(folder, data).env, "PYTHONPATH": HERE}

    def start(self, *args: str, **environ: str) -> tuple[ForkServerProcess, Path]:
        """Its process, and the file that it writes to."""
        log = self.folder / f"{time.monotonic_ns()}.log"
        program = [str(CHECKOUT / "train.py"), *SMALL, *args]
        return forked.start(program, self.folder, {**self.env, **environ}, log), log

    def __call__(self, *args: str, timeout: float = 120, **environ: str) -> Done:
        """Run it to its end."""
        start = time.monotonic()
        process, log = self.start(*args, **environ)
        process.join(timeout)
        assert process.exitcode is not None, f"still running: {log.read_text()}"
        return Done(process.exitcode, log.read_text(), time.monotonic() - start, process.pid)

    def two(self, *args: str, trainer: str = "ddp", timeout: float = 120) -> list[Done]:
        """Run it on two processes, as launching.launch starts them."""
        options = (f"trainer={trainer}", "data.batch_size=2", *args)
        start = time.monotonic()
        started = [self.start(*options, **environ) for environ in forked.ranks(self.folder)]
        ended = []
        for process, log in started:
            process.join(timeout - (time.monotonic() - start))
            seconds = time.monotonic() - start
            assert process.exitcode is not None, f"still running: {log.read_text()}"
            ended.append(Done(process.exitcode, log.read_text(), seconds, process.pid))
        return ended

    def succeed(self, *args: str, **environ: str) -> str:
        """Run it, demand success, return what it said."""
        done = self(*args, **environ)
        assert done.code == 0, done.said
        return done.said
