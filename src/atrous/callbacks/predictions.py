"""The predictions of an evaluation as files, written while it runs."""

from collections.abc import Sequence
from pathlib import Path

import lightning as L
from torch import Tensor

from atrous.data.batch import Batch
from atrous.module import SegmentationModule
from atrous.report.exports import Export, write_prediction


class WritePredictions(L.Callback):
    """Every picture's prediction under ``output``, in each of the ``exports``."""

    def __init__(self, output: Path, exports: Sequence[Export]) -> None:
        self.output = output
        self.exports = exports

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
            for export in self.exports:
                write_prediction(self.output, name, indices, pl_module.labels, export)
