"""A training ends when its score has stopped to improve."""

import math
from typing import Any

import lightning as L


class EarlyStopping(L.Callback):
    """Ends the training when ``monitor`` has not improved for ``patience`` validations in a row.

    min_delta: by less than this a value does not improve.  mode: max or min.
    A value that is not a number does not improve.  A run that goes on from its end has nothing left to do.
    """

    def __init__(self, monitor: str, patience: int, min_delta: float = 0.0, mode: str = "max") -> None:
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise ValueError(
                f"callbacks.early_stopping.patience={patience}: expected a number of validations, 1 or more"
            )
        if (
            isinstance(min_delta, bool)
            or not isinstance(min_delta, int | float)
            or not 0 <= min_delta < math.inf
        ):
            raise ValueError(f"callbacks.early_stopping.min_delta={min_delta}: expected a number, 0 or more")
        if mode not in ("max", "min"):
            raise ValueError(f"callbacks.early_stopping.mode={mode}: expected max or min")
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.sign = 1 if mode == "max" else -1
        self.best: float | None = None
        self.best_step = 0
        self.num_since = 0  # validations

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End at once, where the run that goes on had ended."""
        self._stop_if_over(trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look at the value.  Raises ValueError: no such value was logged."""
        if trainer.sanity_checking:
            return
        if self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(trainer.callback_metrics))
            raise ValueError(
                f"callbacks.early_stopping.monitor={self.monitor}: was not logged; logged were {known}"
            )
        # One device decides for all: values that are not summed over them differ.
        value = trainer.strategy.broadcast(float(trainer.callback_metrics[self.monitor]))
        self.note(value, trainer.global_step)
        self._stop_if_over(trainer)

    def note(self, value: float, step: int) -> None:
        """Take the value of the validation after ``step``."""
        before = -math.inf if self.best is None else self.sign * self.best + self.min_delta
        if self.sign * value > before:
            self.best, self.best_step, self.num_since = value, step, 0
        else:
            self.num_since += 1

    @property
    def is_over(self) -> bool:
        """Whether enough validations have not improved."""
        return self.num_since >= self.patience

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say why, and how far."""
        if self.is_over and trainer.is_global_zero:
            best = (
                "was no number"
                if self.best is None
                else f"was best ({self.best:.4g}) after step {self.best_step}"
            )
            planned = int(trainer.estimated_stepping_batches)
            least = f" by {self.min_delta:g}" if self.min_delta else ""
            print(
                f"stopped early after {trainer.global_step} of {planned} steps: {self.monitor} {best}, and "
                f"{self.num_since} validations since have not improved it{least}"
            )

    def state_dict(self) -> dict[str, Any]:
        """What was best, and how long ago, for a run that goes on."""
        of = {"monitor": self.monitor, "sign": self.sign}
        return {"best": self.best, "best_step": self.best_step, "num_since": self.num_since, **of}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from it; where it is of something else, begin to count."""
        of = {"monitor": self.monitor, "sign": self.sign}
        if of != {key: state_dict.get(key, own) for key, own in of.items()}:  # older ones lack what it is of
            return
        self.best, self.best_step = state_dict["best"], state_dict["best_step"]
        self.num_since = state_dict["num_since"]

    def _stop_if_over(self, trainer: L.Trainer) -> None:
        if self.is_over:
            trainer.should_stop = True
