"""What makes the end of a training or an evaluation whole: a last validation, the scores, the table."""

from pathlib import Path
from typing import Any

import lightning as L

from atrous.data.batch import Batch
from atrous.module import SegmentationModule
from atrous.report.tables import print_scores, shares, write_scores


class ValidateLastStep(L.Callback):
    """Makes the step that ends the training also one that validates: the final weights have a score."""

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Ask to stop at the last optimizer step: Lightning then validates first."""
        if trainer.global_step >= trainer.estimated_stepping_batches:
            trainer.should_stop = True


class Summary(L.Callback):
    """The scores of the last validation, of ``split``, in ``folder``; their table when the training ends."""

    def __init__(self, folder: str | Path, split: str) -> None:
        self.folder = Path(folder)
        self.split = split
        self._scores: dict[str, Any] = {}

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the scores: what was computed is kept, whatever happens to the training."""
        assert isinstance(pl_module, SegmentationModule)
        if trainer.is_global_zero and pl_module.evaluated is not None:
            about = {"split": self.split, "step": trainer.global_step}
            self._scores = write_scores(self.folder, pl_module.evaluated, about)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print the table."""
        assert isinstance(pl_module, SegmentationModule)
        if trainer.is_global_zero and pl_module.evaluated is not None:
            title = f"validation after {trainer.global_step} steps, in percent"
            print_scores(self._scores, shares(pl_module.evaluated), title)
