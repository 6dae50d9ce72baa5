"""A trial of a sweep tells its study how it goes, and ends when the study's pruner gives it up."""

import math
from pathlib import Path

import lightning as L
import optuna

from atrous.sweeps.folder import read_pruned, write_pruned


class Pruning(L.Callback):
    """Reports the objective of each validation to ``trial``, and ends a training that the pruner gives up.

    A report stands at the share of the training that is done, in whole percent, so that a pruner's settings
    mean the same for a training of any length.  The first process reports and decides for all.  One that was
    interrupted reports nothing twice.  An objective that is no number is not reported; a training is not
    pruned at its end.

    objective: the name of a logged value.  folder: of the run, where pruned.json tells of it.
    """

    def __init__(self, trial: optuna.Trial, objective: str, folder: str | Path) -> None:
        self.trial = trial
        self.objective = objective
        self.folder = Path(folder)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End at once, where the run that goes on was given up, and stopped before its end."""
        if trainer.strategy.broadcast(read_pruned(self.folder) is not None):
            trainer.should_stop = True

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report, and ask."""
        if trainer.sanity_checking or self.objective not in trainer.callback_metrics:
            return  # what was not logged is told at the end
        pruned = trainer.is_global_zero and self._is_given_up(trainer)
        if trainer.strategy.broadcast(pruned):
            trainer.should_stop = True

    def _is_given_up(self, trainer: L.Trainer) -> bool:
        value = float(trainer.callback_metrics[self.objective])
        if math.isnan(value):
            return False
        step, total = trainer.global_step, int(trainer.estimated_stepping_batches)
        percent = 100 * step // total
        if percent not in self._reported():
            self.trial.report(value, percent)
        if step >= total or not self.trial.should_prune():
            return False
        write_pruned(self.folder, step, value)
        pruner = type(self.trial.study.pruner).__name__
        print(f"pruned after step {step}: {self.objective} {value:.4f} does not promise enough ({pruner})")
        return True

    def _reported(self) -> dict[int, float]:
        trials = self.trial.study.get_trials(deepcopy=False)
        return trials[self.trial.number].intermediate_values
