"""The account of samples that could not be read: data.on_bad_sample=skip."""

import csv
import io
import os
import warnings
from pathlib import Path
from typing import Any

import lightning as L

from atrous.data.batch import Batch
from atrous.module import is_logged
from atrous.whole import write_whole

NAME = "skipped.csv"
HEAD = ("step", "file", "reason")


class SkippedSamples(L.Callback):
    """Lists each file that could not be read, and how often, as a line of skipped.csv for each time.

    Lines are appended as it happens, by all processes to one file; a run that goes on drops those of steps
    after its checkpoint, which it takes anew.  Each file is warned of once.  ``train/skipped`` counts the
    lines, of all devices.
    folder: of the run.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / NAME
        self._warned: set[str] = set()
        self._num_skipped = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin the file, or go on with it."""
        self._num_skipped = 0
        if trainer.is_global_zero:
            kept = [row for row in read_skipped(self.path) if int(row[0]) <= trainer.global_step]
            self._num_skipped = len(kept)
            write_whole(self.path, _lines([HEAD, *kept]))
        trainer.strategy.barrier()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Tell what the batch's workers met."""
        skipped = batch["skipped"]
        if not skipped:
            return
        self._num_skipped += len(skipped)
        _append(self.path, _lines([(str(trainer.global_step + 1), *each) for each in skipped]))
        for file, reason in skipped:
            if file not in self._warned:
                self._warned.add(file)
                warnings.warn(
                    f"{file}: {reason} (another sample takes its place: data.on_bad_sample=skip)",
                    stacklevel=1,
                )

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Log their number when the other values of the step are logged."""
        if is_logged(trainer, trainer.global_step):
            num = float(self._num_skipped)
            pl_module.log("train/skipped", num, sync_dist=True, reduce_fx="sum")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say it once more."""
        trainer.strategy.barrier()
        if trainer.is_global_zero and (rows := read_skipped(self.path)):
            num_files = len({row[1] for row in rows})
            print(
                f"{num_files} files could not be read, and others were taken {len(rows)} times: {self.path}"
            )


def read_skipped(path: Path) -> list[list[str]]:
    """Step, file and reason of each line; none where there is no file.  A line that a kill cut is no line."""
    if not path.exists():
        return []
    whole = path.read_text().rpartition("\n")[0]
    return [row for row in csv.reader(io.StringIO(whole)) if len(row) == len(HEAD)][1:]


def _lines(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _append(path: Path, lines: bytes) -> None:
    """In one piece, which processes that write at once do not cut into each other's."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, lines)
    finally:
        os.close(descriptor)
