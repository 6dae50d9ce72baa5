"""A run that is told to end by a signal, as schedulers do, saves a checkpoint first."""

import os
import signal
import subprocess
import threading
import time
from types import FrameType
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor, distributed

from atrous.callbacks.checkpoints import Last, is_gathering
from atrous.siblings import FOLDER, SIGNALS, is_first_to_fail

SAVE = 1  # a note that asks for a checkpoint alone: less than any of their numbers


class DefaultSignals(L.Callback):
    """SIGTERM ends a process that has nothing to save: Lightning's handler would wait for the others."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Called behind Lightning's own handlers, before anything runs."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Vote:
    """The largest note of all processes, known one batch later, so that the vote goes on beside the step.

    A GPU is not waited for: the processes talk by a group of their own.
    """

    def __init__(self, num_processes: int) -> None:
        self._group: Any = None if num_processes == 1 else distributed.new_group(backend="gloo")
        self._notes: Tensor | None = None
        self._work: Any = None

    def __call__(self, note: int) -> int:
        """Give this process's note; what all had given at the call before."""
        if self._group is None:
            return note
        agreed = self.close()
        self._notes = torch.tensor([note])
        self._work = distributed.all_reduce(
            self._notes, distributed.ReduceOp.MAX, group=self._group, async_op=True
        )
        return agreed

    def close(self) -> int:
        """Wait for the vote that is under way, and take its result."""
        if self._notes is None:
            return 0
        self._work.wait()
        agreed, self._notes = int(self._notes), None
        return agreed


class Preemption(Checkpoint):
    """Ends a training that any of its processes is told to end, with a checkpoint to go on from exactly.

    A handler only notes the signal.  After each batch the processes agree on the largest note, and all end
    before the next one, or at the start of a validation; in a validation each ends at its next batch, since
    ``last`` was written before it.  The exit status is 128 and the signal's number, as of a program that the
    signal killed.  A second Ctrl-C ends the process at once.

    last: writes the checkpoint.
    minutes: that a checkpoint may at most be old, beside those at validations; None: no limit.
    requeue: under SLURM, SIGUSR1 also puts the job back into the queue; for runs that go on by themselves.
    """

    def __init__(self, last: Last, minutes: float | None = None, requeue: bool = False) -> None:
        self.last = last
        self.minutes = minutes
        self.requeue = requeue
        self.noted = 0
        self.agreed = 0
        self._vote: Vote | None = None
        self._before: dict[int, Any] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Listen."""
        self._vote = Vote(trainer.world_size)
        self.last.written = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Between two batches: end, or save, where it was agreed on, unless gradients are half gathered."""
        if not self.agreed or is_gathering(trainer):
            return
        self.last.save(trainer)
        if self.agreed > SAVE:
            self._end(trainer)
        self.agreed = 0

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Agree."""
        aged = self.minutes is not None and time.monotonic() - self.last.written > 60 * self.minutes
        assert self._vote is not None
        self.agreed = max(self.agreed, self._vote(self.noted or (SAVE if aged else 0)))

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End, unless this is the validation that ends the training anyway."""
        if self.agreed > SAVE and self._goes_on(trainer):
            self._end(trainer)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """End this process: the others notice."""
        if self.noted and self._goes_on(trainer):
            self.agreed = self.noted
            self._end(trainer, alone=FOLDER in os.environ)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop listening."""
        assert self._vote is not None
        self._vote.close()
        self._restore()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Stop listening."""
        self._restore()

    def _goes_on(self, trainer: L.Trainer) -> bool:
        return trainer.global_step < trainer.estimated_stepping_batches and not is_gathering(trainer)

    def _note(self, number: int, frame: FrameType | None) -> None:
        """Once is enough: several may send it, one to the process and one to its group.  Ctrl-C insists."""
        if self.noted and number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.noted = self.noted or int(number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _end(self, trainer: L.Trainer, alone: bool = False) -> None:
        """alone: the others end otherwise, so that the first one tells, whichever it is."""
        if is_first_to_fail() if alone else trainer.is_global_zero:
            name = signal.Signals(self.agreed).name
            print(
                f"{name}: stopped after step {trainer.global_step}; resume={self.last.path} goes on",
                flush=True,
            )
            if self.requeue and self.agreed == signal.SIGUSR1:
                requeue_slurm_job()
        raise SystemExit(128 + self.agreed)


def requeue_slurm_job() -> None:
    """Put this SLURM job back into the queue, if it is one; a job of an array by its own number."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    job = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID')}" if array else os.environ.get("SLURM_JOB_ID")
    if job is None:
        return
    try:
        done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, check=False)
        said = done.stderr.strip() or f"exit status {done.returncode}" if done.returncode else ""
    except OSError as error:
        said = str(error)
    print(
        f"job {job} could not be put back: {said}" if said else f"job {job} is back in the queue", flush=True
    )
