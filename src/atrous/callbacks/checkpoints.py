"""Which checkpoints a training keeps: the last, the one before it, and the best."""

import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from atrous.run_folder import LAST, PREVIOUS


class Best(Checkpoint):
    """The checkpoint with the best logged value of ``monitor``, as <name>.ckpt in ``folder``.

    mode: max or min.  Of equal values the first stays.  A value that is not a number is never the best.
    """

    def __init__(self, folder: str | Path, monitor: str, mode: str = "max", name: str = "best") -> None:
        if mode not in ("max", "min"):
            raise ValueError(f"callbacks.best.mode={mode}: expected max or min")
        self.path = Path(folder) / f"{name}.ckpt"
        self.monitor = monitor
        self.sign = 1 if mode == "max" else -1
        self.score: float | None = None
        self.step: int | None = None  # that it is of

    @property
    def state_key(self) -> str:
        """Where its state lies in a checkpoint: of several, each has its own."""
        return self._generate_state_key(name=self.path.stem)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save, if it is better.  Raises ValueError: no such value was logged."""
        if trainer.sanity_checking:
            return
        if self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(trainer.callback_metrics))
            raise ValueError(f"callbacks.best.monitor={self.monitor}: was not logged; logged were {known}")
        # One device decides for all: values that are not summed over them differ.
        score = trainer.strategy.broadcast(float(trainer.callback_metrics[self.monitor]))
        best = -float("inf") if self.score is None else self.sign * self.score
        if self.sign * score > best:
            self.score, self.step = score, trainer.global_step
            trainer.save_checkpoint(self.path, weights_only=False)

    def state_dict(self) -> dict[str, Any]:
        """The best value, what it is of, and its step, for a run that goes on."""
        return {"score": self.score, "step": self.step, "monitor": self.monitor, "sign": self.sign}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from it; a value of something else is no value to beat."""
        of = {"monitor": self.monitor, "sign": self.sign}
        if of == {key: state_dict.get(key, own) for key, own in of.items()}:  # older ones lack what it is of
            self.score, self.step = state_dict["score"], state_dict.get("step")


class Last(Checkpoint):
    """last.ckpt in ``folder``, and the one that it replaced as previous.ckpt.

    It is written before each validation, so that one which is cut short costs no training, and after it; at
    the validation that ends the training only after it.  Where gradients are half gathered, it waits for the
    optimizer's step, or the end of a training that stops between two: they are lost then.  Other callbacks'
    states are part of it: it belongs behind them.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / LAST
        self.written = time.monotonic()
        self._validation_is_due = False
        self._is_overdue = False
        self._step = -1

    def save(self, trainer: L.Trainer) -> None:
        """Write it: between two batches, at a validation's start or end, or as soon as it is exact."""
        self._is_overdue = is_gathering(trainer)
        if not self._is_overdue:
            self._write(trainer)

    def _write(self, trainer: L.Trainer) -> None:
        kept = {"previous": self.path.with_name(PREVIOUS)}
        trainer.save_checkpoint(self.path, weights_only=False, storage_options=kept)
        self.written = time.monotonic()
        self._step = trainer.global_step

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """What it goes on from is there."""
        self._step = trainer.global_step

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save, where nothing was saved after the last step, or not all of it."""
        if self._is_overdue or self._step != trainer.global_step:
            self._write(trainer)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save, for a run that then begins with this validation."""
        if not trainer.sanity_checking and trainer.global_step < trainer.estimated_stepping_batches:
            self._validation_is_due = True
            self.save(trainer)
            self._validation_is_due = False

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save."""
        if not trainer.sanity_checking:
            self.save(trainer)

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Bring Lightning's counters, of whatever moment, into a form that it goes on from exactly."""
        settle(checkpoint["loops"]["fit_loop"], self._validation_is_due)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Make up for what had to wait; mend a count of steps that Lightning gets wrong in some resumes."""
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step
        if self._is_overdue:
            self.save(trainer)


def is_gathering(trainer: L.Trainer) -> bool:
    """Whether the batches since the last optimizer step have left gradients that the next one will add to."""
    done = trainer.fit_loop.epoch_loop.batch_progress.current.completed
    return done % trainer.accumulate_grad_batches != 0 and done < trainer.num_training_batches


def settle(fit_loop: dict[str, Any], validation_is_due: bool) -> None:
    """Change the saved counters to those between two batches: one that was only fetched is not counted.

    validation_is_due: the resumed run begins with the validation that follows the last batch.
    """
    batches = fit_loop["epoch_loop.batch_progress"]
    if batches["current"]["ready"] != batches["current"]["completed"]:
        batches["is_last_batch"] = False
    validated = fit_loop["epoch_loop.val_loop.batch_progress"]
    for counter in (batches["total"], batches["current"], validated["total"]):
        counter.update(dict.fromkeys(counter, counter["completed"]))
    if validation_is_due:  # as Lightning sees a validation that was left in its first batch
        done = validated["total"]["completed"]
        validated["total"].update(ready=done + 1, started=done + 1, processed=done, completed=done)
        validated["current"].update(dict.fromkeys(validated["current"], 0))
