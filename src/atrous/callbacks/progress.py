"""What a training or an evaluation tells while it runs."""

import logging
import time
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from atrous.data.batch import Batch
from atrous.module import is_logged

MUCH = 0.2  # of the time, before waiting for data is worth a word


class StepProgress(ProgressBar):
    """One bar over optimizer steps with the logged values, one over the batches of a running evaluation.

    A line a validation stays above the bar, so that the log of a run without a terminal tells the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self._console = Console()
        self._progress: Progress | None = None
        self._training: TaskID | None = None
        self._evaluation: TaskID | None = None
        self._shown = ""
        self._shown_step = 0

    def disable(self) -> None:
        """Called by Lightning on all ranks but the first."""
        self._console = Console(quiet=True)

    def enable(self) -> None:
        """Called by Lightning on the first rank."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Called before anything runs."""
        super().setup(trainer, pl_module, stage)
        if not trainer.is_global_zero:
            self.disable()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the bar."""
        total = trainer.estimated_stepping_batches
        self._training = self._bars().add_task("step", total=total, completed=trainer.global_step, values="")

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance the bar; its values are read once when they are logged, since reading waits for a GPU."""
        assert self._training is not None
        step = trainer.global_step
        if step > self._shown_step and is_logged(trainer, step):
            self._shown, self._shown_step = self._values(trainer, pl_module), step
        self._bars().update(self._training, completed=step, values=self._shown)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the terminal as it was."""
        self._close()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the bar of the evaluation."""
        self._start_evaluation("validate", sum(trainer.num_val_batches))

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Advance it."""
        self._advance_evaluation()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take it away, and leave a line."""
        assert self._evaluation is not None
        self._bars().remove_task(self._evaluation)
        self._evaluation = None
        line = f"step {trainer.global_step}  {self._values(trainer, pl_module)}"
        self._bars().console.print(line)
        logging.getLogger(__name__).info(line)  # the run folder's log file

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the bar of the evaluation."""
        self._start_evaluation("evaluate", sum(trainer.num_test_batches))

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Advance it."""
        self._advance_evaluation()

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the terminal as it was."""
        self._close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Leave the terminal as it was."""
        self._close()

    def _bars(self) -> Progress:
        if self._progress is None:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=12),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[values]}"),
                console=self._console,
                transient=True,
                refresh_per_second=2,
            )
            self._progress.start()
        return self._progress

    def _close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _start_evaluation(self, name: str, num_batches: float) -> None:
        self._evaluation = self._bars().add_task(name, total=num_batches, values="")

    def _advance_evaluation(self) -> None:
        assert self._evaluation is not None
        self._bars().advance(self._evaluation)

    def _values(self, trainer: L.Trainer, module: L.LightningModule) -> str:
        metrics = self.get_metrics(trainer, module)
        metrics.pop("v_num", None)
        return "  ".join(
            f"{name.removeprefix('train/').replace('_per_second', '/s')} {value:.4g}"
            for name, value in metrics.items()
            if isinstance(value, float)
        )


class Throughput(L.Callback):
    """Pictures a second over all devices, and how much of the time the device waited for pictures.

    A GPU runs behind this process, which may wait for the next batch while the GPU still has work: that does
    not count.  Both are logged as train/pictures_per_second and train/data_wait (a share, of this device),
    means since they were last logged; validation does not count.  A run that waited much is told at its end
    what to do.
    """

    def __init__(self) -> None:
        self._since = 0.0
        self._ready = 0.0
        self._step_done: torch.cuda.Event | None = None
        self._num_pictures = 0
        self._waited = 0.0
        self._logged_step = 0
        self._whole: list[tuple[float, float]] = []  # seconds that were waited, of so many

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._restart(trainer)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """A batch is there: the time since the step before went into waiting for it, if that step is over."""
        if self._step_done is None or self._step_done.query():  # type: ignore[no-untyped-call]
            self._waited += time.perf_counter() - self._ready

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count, and log when the other values of the step are logged."""
        self._num_pictures += len(batch["names"]) * trainer.world_size
        step = trainer.global_step
        if step > self._logged_step and is_logged(trainer, step):
            seconds = time.perf_counter() - self._since
            pl_module.log("train/pictures_per_second", self._num_pictures / seconds, prog_bar=True)
            pl_module.log("train/data_wait", self._waited / seconds)
            self._whole.append((self._waited, seconds))
            self._restart(trainer)
        if pl_module.device.type == "cuda":
            self._step_done = self._step_done or torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._step_done.record()
        self._ready = time.perf_counter()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock anew."""
        self._restart(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say what to do about much waiting."""
        settled = self._whole[1:]  # the first part holds the start of the workers
        waited, seconds = sum(each[0] for each in settled), sum(each[1] for each in settled)
        if trainer.is_global_zero and waited > MUCH * seconds:
            print(
                f"{waited / seconds:.0%} of the training went into waiting for pictures: data.cache=disk or "
                "ram keeps them decoded, data.num_workers=N reads with more processes (docs/performance.md)"
            )

    def _restart(self, trainer: L.Trainer) -> None:
        self._since = self._ready = time.perf_counter()
        self._num_pictures, self._waited, self._logged_step = 0, 0.0, trainer.global_step
