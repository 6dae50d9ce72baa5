"""The predictions of an evaluation as files, written while it runs."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import lightning as L
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from atrous.background import Background
from atrous.data.batch import Batch
from atrous.labels import LabelSet
from atrous.module import SegmentationModule
from atrous.report.exports import Export, write_prediction


class WritePredictions(L.Callback):
    """Every picture's prediction under ``output``, in each of the ``exports``."""

    def __init__(self, output: Path, exports: Sequence[Export]) -> None:
        self.output = output
        self.exports = exports
        self._writing: Background[None] = Background()

    def on_test_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Have threads to write with."""
        self._writing = Background()

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the batch's."""
        assert isinstance(pl_module, SegmentationModule)
        assert isinstance(outputs, Tensor)
        for name, indices in zip(batch["names"], outputs.cpu().numpy(), strict=True):
            self._writing.submit(name, partial(self._write, name, indices, pl_module.labels))

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Wait for the last file."""
        self._writing.finish()

    def _write(self, name: str, indices: NDArray[np.uint8], labels: LabelSet) -> None:
        for export in self.exports:
            write_prediction(self.output, name, indices, labels, export)
