"""Pictures of a fixed set of samples, saved as files and handed to the loggers."""

from pathlib import Path

import lightning as L
from PIL import Image
from torch import Tensor

from atrous.callbacks.loggers.sink import Sample
from atrous.callbacks.recording import record
from atrous.data.batch import Batch
from atrous.module import SegmentationModule


class Pictures(L.Callback):
    """Panels of the same samples at every validation, in ``folder`` as val-<name>.png.

    num_pictures: how many of them; they are taken evenly from what the first device evaluates.
    logged_side: pixels of the longer side that loggers get: they keep every validation's.
    """

    def __init__(self, folder: str | Path, num_pictures: int, logged_side: int = 640) -> None:
        self.folder = Path(folder)
        self.num_pictures = num_pictures
        self.logged_side = logged_side
        self._samples: list[Sample] = []
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
        """Take the batch's share of the samples."""
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, SegmentationModule)
        assert isinstance(outputs, Tensor)
        num_pictures = int(sum(trainer.num_val_batches) * len(batch["names"]))
        spacing = max(1, num_pictures // max(1, self.num_pictures))
        for row, name in enumerate(batch["names"]):
            if self._seen % spacing == 0 and len(self._samples) < self.num_pictures:
                image = batch["images"][row].permute(1, 2, 0).cpu().numpy()
                truth, guess = batch["labels"][row].cpu().numpy(), outputs[row].cpu().numpy()
                self._samples.append(Sample(name, image, truth, guess, pl_module.labels))
            self._seen += 1

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save and log."""
        samples, self._samples, self._seen = self._samples, [], 0
        if not samples:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for sample in samples:
            Image.fromarray(sample.panel).save(self.folder / f"val-{sample.name}.png")
        smaller = [sample.smaller(self.logged_side) for sample in samples]
        if not trainer.sanity_checking:
            record(trainer, lambda sink: sink.samples(smaller, trainer.global_step))
