"""Pictures of a fixed set of samples, saved as files and shown in the logger in use."""

from collections.abc import Iterable
from pathlib import Path

import lightning as L
import numpy as np
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from atrous.data.batch import Batch
from atrous.module import SegmentationModule
from atrous.report.pictures import panel


class Pictures(L.Callback):
    """Panels of the same samples at every validation, in ``folder`` as val-<name>.png.

    num_pictures: how many of them; they are taken evenly from what the first device evaluates.
    """

    def __init__(self, folder: str | Path, num_pictures: int) -> None:
        self.folder = Path(folder)
        self.num_pictures = num_pictures
        self._panels: dict[str, NDArray[np.uint8]] = {}
        self._seen = 0

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw the batch's share of the samples."""
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, SegmentationModule)
        assert isinstance(outputs, Tensor)
        num_pictures = int(sum(trainer.num_val_batches) * len(batch["names"]))
        spacing = max(1, num_pictures // max(1, self.num_pictures))
        for row, name in enumerate(batch["names"]):
            if self._seen % spacing == 0 and len(self._panels) < self.num_pictures:
                image = batch["images"][row].permute(1, 2, 0).cpu().numpy()
                truth, guess = batch["labels"][row].cpu().numpy(), outputs[row].cpu().numpy()
                self._panels[name] = panel(image, truth, guess, pl_module.labels)
            self._seen += 1

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save and log."""
        if self._panels:
            self.folder.mkdir(parents=True, exist_ok=True)
        for name, pixels in self._panels.items():
            Image.fromarray(pixels).save(self.folder / f"val-{name}.png")
        named = {f"val/{name}": pixels for name, pixels in self._panels.items()}
        show(trainer.loggers, named, trainer.global_step)
        self._panels, self._seen = {}, 0


def show(loggers: Iterable[Logger], pictures: dict[str, NDArray[np.uint8]], step: int) -> None:
    """Show pictures, uint8 (H, W, 3), in the loggers that can."""
    for logger in loggers:
        for name, pixels in pictures.items():
            if isinstance(logger, WandbLogger):
                logger.log_image(f"pictures/{name}", [pixels])
            elif isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(f"pictures/{name}", pixels, step, dataformats="HWC")
