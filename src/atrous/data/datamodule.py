"""Splits and loaders.  Batches leave as uint8; the module normalises them on the device."""

import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from atrous.data.batch import Batch, Sample, collate
from atrous.data.dataset import Augment, Jitter, Read, SegmentationDataset
from atrous.data.layouts.pairs import Pair
from atrous.data.mix import Mix
from atrous.data.processes import available_cores
from atrous.data.ring import Ring, RingLoader
from atrous.data.sampler import EvaluationSampler, Order, Shuffled, TrainingSampler
from atrous.data.workers import Prepared

MOST_WORKERS = 16  # a device's, where their number is not chosen


class BatchJitter(Jitter, Protocol):
    """Changes the colours of a batch on the device."""

    def __call__(self, images: Tensor, labels: Tensor, drawn: Tensor) -> Tensor:
        """Float (N, 3, H, W) in [0, 255], of uint8 (N, 3, H, W), uint8 (N, H, W) and float32 (N, K)."""
        ...


class SegmentationData(L.LightningDataModule):
    """Loaders over lists of pairs: drawn and augmented for training, native and in order for evaluation.

    pairs: by stage, "train", "val" and "test"; a stage that does not run may be absent.
    read: from a pair to its pixels.
    batch_size, eval_batch_size: pictures a device and step.
    num_workers: a device's; None takes the processor's cores, divided among the devices, 16 at most.
    augment: of training samples; None leaves them at native size.
    order: of the training samples; None shuffles them.
    mix: of two training samples; None leaves them as they are.
    jitter: of the colours of training batches, on the device; None leaves them as they are.
    replace: whether training pictures that cannot be read give their place to others.
    """

    def __init__(
        self,
        pairs: Mapping[str, Sequence[Pair]],
        read: Read,
        *,
        seed: int,
        batch_size: int,
        eval_batch_size: int = 1,
        num_workers: int | None = None,
        pin_memory: bool = True,
        augment: Augment | None = None,
        order: Order | None = None,
        mix: Mix | None = None,
        jitter: BatchJitter | None = None,
        replace: bool = False,
    ) -> None:
        super().__init__()
        if batch_size < 1 or eval_batch_size < 1:
            raise ValueError(
                f"data.batch_size={batch_size}, data.eval_batch_size={eval_batch_size}: expected 1 or more"
            )
        self.pairs = pairs
        self.read = read
        self.seed = seed
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.augment = augment
        self.order = order or Shuffled()
        self.mix = mix
        self.jitter = jitter
        self.replace = replace
        self._start = (0, 0, 0)  # epoch, samples of it, and the batches that they made then

    def state_dict(self) -> dict[str, int]:
        """The epoch, and how many of its samples have been trained on, over all devices."""
        assert self.trainer is not None
        epoch, batches = self.trainer.current_epoch, self.trainer.fit_loop.epoch_loop.batch_progress
        if batches.current.completed >= self.trainer.num_training_batches:
            return {"epoch": epoch + 1, "samples": 0, "batches": 0}
        _, samples, before = self._start if self._start[0] == epoch else (epoch, 0, 0)
        since = batches.current.completed - before
        samples += since * self.batch_size * self.trainer.world_size
        return {"epoch": epoch, "samples": samples, "batches": batches.current.completed}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on behind these samples."""
        self._start = (state_dict["epoch"], state_dict["samples"], state_dict["batches"])

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches of ``batch_size`` crops; the tail of an epoch that fills no batch is left out."""
        pairs = self.pairs["train"]
        dataset = SegmentationDataset(
            pairs, self.read, self.augment, self.seed, self.mix, self.jitter, self.replace
        )
        rank, world_size = self._place()
        sampler = TrainingSampler(len(dataset), self.order, self.seed, rank, world_size, self._start[:2])
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
        dataset = SegmentationDataset(self.pairs[stage], self.read, None, self.seed)
        rank, world_size = self._place()
        if len(dataset) < world_size:
            raise ValueError(
                f"the {stage} split has {len(dataset)} pictures, fewer than the {world_size} devices; lower "
                "trainer.devices"
            )
        sampler = EvaluationSampler(len(dataset), rank, world_size)
        return self._loader(dataset, sampler, self.eval_batch_size, drop_last=False)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Called by Lightning on the device: change the colours of a training batch."""
        if self.jitter is not None and batch["colors"] is not None:
            batch["images"] = self.jitter(batch["images"], batch["labels"], batch["colors"])
        return batch

    def on_exception(self, exception: BaseException) -> None:
        """Called by Lightning, which leaves the training's workers where a validation has failed.

        Nobody would end them before the garbage is collected, which then waits 5 seconds for each.
        """
        if self.trainer is not None:
            self.trainer.fit_loop.teardown()

    def _loader(
        self,
        dataset: SegmentationDataset,
        sampler: TrainingSampler | EvaluationSampler,
        batch_size: int,
        drop_last: bool,
    ) -> DataLoader[Sample]:
        num_workers = self._workers()
        forked = num_workers > 0 and sys.platform == "linux"
        ring = _ring(num_workers, batch_size) if forked else None
        kind = DataLoader[Sample] if ring is None else RingLoader
        return kind(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=num_workers,
            collate_fn=ring or collate,
            drop_last=drop_last,
            pin_memory=self.pin_memory and torch.cuda.is_available(),
            persistent_workers=num_workers > 0,
            worker_init_fn=Prepared(),
            multiprocessing_context="fork" if forked else None,
        )

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _workers(self) -> int:
        if self.num_workers is not None:
            return self.num_workers
        devices = self.trainer.num_devices if self.trainer else 1
        return max(1, min(MOST_WORKERS, available_cores() // devices))


def _ring(num_workers: int, batch_size: int) -> Ring | None:
    """Memory for the workers' batches; None: it is limited, and torch's own way will do."""
    try:
        return Ring(num_workers, batch_size)
    except OSError:
        return None
