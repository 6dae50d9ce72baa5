"""What makes the end of a training or an evaluation whole: a last validation, the scores, the table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L

from atrous.data.batch import Batch
from atrous.module import SegmentationModule
from atrous.report.tables import print_scores, write_scores


class ValidateLastStep(L.Callback):
    """Makes the step that ends the training also one that validates: the final weights have a score."""

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Ask to stop at the last optimizer step: Lightning then validates first."""
        if trainer.global_step >= trainer.estimated_stepping_batches:
            trainer.should_stop = True


class Summary(L.Callback):
    """scores.json and confusion.csv of the last validation in ``folder``; its table when the training
    ends.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the scores: what was computed is kept, whatever happens to the training."""
        assert isinstance(pl_module, SegmentationModule)
        if trainer.is_global_zero and pl_module.evaluated is not None:
            write_scores(
                self.folder, pl_module.evaluated, pl_module.labels, about={"step": trainer.global_step}
            )

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print the table."""
        assert isinstance(pl_module, SegmentationModule)
        if trainer.is_global_zero and pl_module.evaluated is not None:
            title = f"validation after {trainer.global_step} steps, in percent"
            print_scores(pl_module.evaluated, pl_module.labels, title)


class EvaluationSummary(L.Callback):
    """scores.json and confusion.csv of an evaluation in ``folder``, and its table.

    about: what was scored, for scores.json.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        self.folder = folder
        self.about = about

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write and print, once."""
        assert isinstance(pl_module, SegmentationModule)
        evaluated = pl_module.evaluated
        assert evaluated is not None
        if trainer.is_global_zero:
            write_scores(self.folder, evaluated, pl_module.labels, self.about)
            what = f"{self.about['checkpoint']} on {self.about['split']}"
            title = f"{what}, {len(evaluated.image_mious)} pictures, in percent"
            print_scores(evaluated, pl_module.labels, title)
            print(f"written to {self.folder}")
