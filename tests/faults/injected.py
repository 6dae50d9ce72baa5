"""Faults at a chosen moment of a training, as a callback that the command line adds."""

import os
import signal
import time

import lightning as L

ACTIONS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM, "USR1": signal.SIGUSR1, "INT": signal.SIGINT}


class Fault(L.Callback):
    """Does ``action`` in the process of ``rank`` when ``hook`` is called after ``step`` optimizer steps.

    action: a signal to itself, or several one after the other, or "raise".
    rank: None: in each process.
    hook: batch_start, batch_end, validation_batch_end or validation_end.
    """

    def __init__(self, action: str, hook: str, step: int, rank: int | None = 0) -> None:
        self.action, self.hook, self.step, self.rank = action, hook, step, rank

    def _maybe(self, hook: str, trainer: L.Trainer) -> None:
        if (hook, trainer.global_step) == (self.hook, self.step) and self.rank in (None, trainer.global_rank):
            if self.action == "raise":
                raise ValueError("injected fault")
            for name in self.action.split():
                os.kill(os.getpid(), ACTIONS[name])
                time.sleep(0.01)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self._maybe("batch_start", trainer)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self._maybe("batch_end", trainer)

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        if batch_idx == 1:
            self._maybe("validation_batch_end", trainer)

    def on_validation_end(self, trainer, pl_module):
        self._maybe("validation_end", trainer)


def fault(action: str, hook: str, step: int, rank: int | None = 0) -> str:
    """The override that injects it."""
    everywhere = "null" if rank is None else rank
    values = f"action: {action}, hook: {hook}, step: {step}, rank: {everywhere}"
    return f"+callbacks.fault={{_target_: injected.Fault, {values}}}"
