"""Splits and loaders.  Batches leave as uint8; the module normalises them on the device."""

import os
from collections.abc import Mapping, Sequence

import lightning as L
import torch
from torch.utils.data import DataLoader

from atrous.data.batch import Batch
from atrous.data.dataset import Augment, Sample, SegmentationDataset
from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.pairs import Pair
from atrous.data.mix import Mix
from atrous.data.sampler import EvaluationSampler, Order, Shuffled, TrainingSampler
from atrous.labels import LabelSet


class SegmentationData(L.LightningDataModule):
    """Loaders over lists of pairs: drawn and augmented for training, native and in order for evaluation.

    pairs: by stage, "train", "val" and "test"; a stage that does not run may be absent.
    label_format: how the label files spell the classes.
    batch_size, eval_batch_size: pictures a device and step.
    num_workers: a device's; None takes the processor's cores, divided among the devices, 8 at most.
    augment: of training samples; None leaves them at native size.
    order: of the training samples; None shuffles them.
    mix: of two training samples; None leaves them as they are.
    """

    def __init__(
        self,
        pairs: Mapping[str, Sequence[Pair]],
        labels: LabelSet,
        label_format: LabelFormat = INDEX,
        *,
        seed: int,
        batch_size: int,
        eval_batch_size: int = 1,
        num_workers: int | None = None,
        pin_memory: bool = True,
        augment: Augment | None = None,
        order: Order | None = None,
        mix: Mix | None = None,
    ) -> None:
        super().__init__()
        if batch_size < 1 or eval_batch_size < 1:
            raise ValueError(
                f"data.batch_size={batch_size}, data.eval_batch_size={eval_batch_size}: expected 1 or more"
            )
        self.pairs = pairs
        self.labels = labels
        self.label_format = label_format
        self.seed = seed
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.augment = augment
        self.order = order or Shuffled()
        self.mix = mix

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches of ``batch_size`` crops; the tail of an epoch that fills no batch is left out."""
        dataset = self._dataset("train", self.augment, self.mix)
        rank, world_size = self._place()
        sampler = TrainingSampler(len(dataset), self.order, self.seed, rank, world_size)
        if len(sampler) < self.batch_size:
            raise ValueError(
                f"the train split has {len(dataset)} pictures, too few for one batch of "
                f"data.batch_size={self.batch_size} on each of {world_size} devices; lower data.batch_size"
            )
        return self._loader(dataset, sampler, self.batch_size, drop_last=True)

    def val_dataloader(self) -> DataLoader[Sample]:
        """The val split at native size."""
        return self._evaluation_loader("val")

    def test_dataloader(self) -> DataLoader[Sample]:
        """The test split at native size."""
        return self._evaluation_loader("test")

    def _evaluation_loader(self, stage: str) -> DataLoader[Sample]:
        dataset = self._dataset(stage)
        rank, world_size = self._place()
        if len(dataset) < world_size:
            raise ValueError(
                f"the {stage} split has {len(dataset)} pictures, fewer than the {world_size} devices; lower "
                "trainer.devices"
            )
        sampler = EvaluationSampler(len(dataset), rank, world_size)
        return self._loader(dataset, sampler, self.eval_batch_size, drop_last=False)

    def _dataset(
        self, stage: str, augment: Augment | None = None, mix: Mix | None = None
    ) -> SegmentationDataset:
        return SegmentationDataset(self.pairs[stage], self.labels, augment, self.seed, self.label_format, mix)

    def _loader(
        self,
        dataset: SegmentationDataset,
        sampler: TrainingSampler | EvaluationSampler,
        batch_size: int,
        drop_last: bool,
    ) -> DataLoader[Sample]:
        num_workers = self._workers()
        return DataLoader(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=num_workers,
            collate_fn=collate,
            drop_last=drop_last,
            pin_memory=self.pin_memory and torch.cuda.is_available(),
            persistent_workers=num_workers > 0,
        )

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _workers(self) -> int:
        if self.num_workers is not None:
            return self.num_workers
        devices = self.trainer.num_devices if self.trainer else 1
        return max(1, min(8, (os.cpu_count() or 1) // devices))


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples as one batch.

    Raises ValueError: pictures of different sizes.
    """
    sizes = {tuple(sample.labels.shape) for sample in samples}
    if len(sizes) > 1:
        raise ValueError(
            f"pictures of sizes {sorted(sizes)} (height, width) do not fit one batch; set "
            "data.eval_batch_size=1, and for training an augment that crops"
        )
    objects = [sample.objects for sample in samples if sample.objects is not None]
    return {
        "images": torch.stack([sample.image for sample in samples]),
        "labels": torch.stack([sample.labels for sample in samples]),
        "names": [sample.name for sample in samples],
        "objects": torch.stack(objects) if len(objects) == len(samples) else None,
    }
