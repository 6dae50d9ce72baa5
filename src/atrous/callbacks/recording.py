"""What a training tells its loggers beside numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L

from atrous.callbacks.checkpoints import Best
from atrous.callbacks.loggers.identity import code, identity
from atrous.callbacks.loggers.recorder import Recorder
from atrous.callbacks.loggers.sink import Kept, Run, Sink, Validation
from atrous.module import SegmentationModule
from atrous.run_folder import LAST


@dataclass(frozen=True)
class About:
    """What the loggers learn of a run.

    folder: of the run.  group: the sweep's name.  tags: of a run that begins.
    config: plain data without secrets.  arguments: of the command line, without secrets.
    """

    folder: Path
    group: str | None
    tags: tuple[str, ...]
    config: Mapping[str, Any]
    arguments: tuple[str, ...]


class Recording(L.Callback):
    """Opens the loggers, and hands them the scores of each validation and the checkpoints at the end."""

    def __init__(self, about: About) -> None:
        self.about = about

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open them: by now it is known where the run goes on."""
        if not trainer.is_global_zero or not _recorders(trainer):
            return
        about = self.about
        found = identity(about.folder, about.group, about.tags)
        run = Run(
            about.folder, found.id, found.name, found.group, found.tags, about.config, about.arguments, code()
        )
        for recorder in _recorders(trainer):
            recorder.begin(run, trainer.global_step)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Hand on the scores."""
        assert isinstance(pl_module, SegmentationModule)
        if not trainer.sanity_checking and trainer.is_global_zero and pl_module.evaluated is not None:
            validation = Validation(pl_module.evaluated)
            record(trainer, lambda sink: sink.validation(validation, trainer.global_step))

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Hand on the checkpoints: a training that was stopped goes on, and has other ones at its end."""
        if trainer.is_global_zero:
            kept = [Kept("last", self.about.folder / LAST, trainer.global_step)]
            bests = [each for each in trainer.checkpoint_callbacks if isinstance(each, Best)]
            kept += [Kept(each.path.stem, each.path, each.step, each.score) for each in bests]
            record(trainer, lambda sink: sink.checkpoints([each for each in kept if each.path.exists()]))

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Note the exit status, for the loggers' end."""
        stopped = isinstance(exception, SystemExit) and isinstance(exception.code, int)
        for recorder in _recorders(trainer):
            recorder.code = exception.code if stopped else 1  # type: ignore[attr-defined]


def record(trainer: L.Trainer, hand_on: Callable[[Sink], None]) -> None:
    """Hand something on to every logger that is ours."""
    for recorder in _recorders(trainer):
        recorder.record(hand_on)


def _recorders(trainer: L.Trainer) -> list[Recorder]:
    return [logger for logger in trainer.loggers if isinstance(logger, Recorder)]
