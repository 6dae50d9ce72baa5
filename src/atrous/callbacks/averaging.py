"""A moving average of the weights, evaluated beside the weights themselves."""

from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from torch import Tensor, distributed
from torch.distributed.tensor import DTensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from atrous.contents import AVERAGED
from atrous.data.batch import Batch
from atrous.metrics.counting import Counting
from atrous.metrics.evaluation import Evaluation
from atrous.module import SegmentationModule
from atrous.report.tables import print_scores, shares, summary

Tensors = tuple[Tensor, ...] | list[Tensor]

SPLIT = "val_ema"  # in the names of its scores


class Averaging(L.Callback):
    """The exponential moving average of weights and running statistics, after each optimizer step.

    Each validation also predicts its batches with the average and logs the scores as val_ema/<name>.  A
    checkpoint holds both, and a run that goes on goes on with both.
    decay: what of the average stays at a step; the rest is the step's weights.
    warmup: begin with less, min(decay, (1 + n) / (10 + n)) after n steps: the first weights are soon
        forgotten.  Source: TensorFlow's tf.train.ExponentialMovingAverage with num_updates.
    """

    def __init__(self, decay: float = 0.999, warmup: bool = True) -> None:
        if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < 1:
            raise ValueError(
                f"callbacks.ema.decay={decay}: expected a share from 0 to below 1, such as 0.999"
            )
        if not isinstance(warmup, bool):
            raise ValueError(f"callbacks.ema.warmup={warmup}: expected true or false")
        self.decay = decay
        self.warmup = warmup
        self._evaluated: Evaluation | None = None
        self._averaged: AveragedModel | None = None
        self._stored: dict[str, Any] | None = None
        self._step = 0
        self._counting: Counting | None = None

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take the average of the run that goes on; one without begins anew."""
        self._stored = checkpoint.get(AVERAGED)

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin with the weights as they are, on the module's device.

        Raises ValueError: the weights are spread over the devices.
        """
        assert isinstance(pl_module, SegmentationModule)
        if any(isinstance(parameter, DTensor) for parameter in pl_module.parameters()):
            raise ValueError(
                "callbacks=ema needs whole weights on each device; trainer=fsdp spreads them: leave one out"
            )
        self._averaged = AveragedModel(pl_module.net, use_buffers=True).eval()
        if self._stored is not None:
            weights = {name.removeprefix("net."): value for name, value in self._stored["weights"].items()}
            self._averaged.module.load_state_dict(weights)
            self._averaged.n_averaged.fill_(self._stored["num_updates"])
            self._stored = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """By now it is known where the run goes on."""
        self._step = trainer.global_step

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Add the weights, if the batch was the last one of a step."""
        if trainer.global_step == self._step:
            return
        assert isinstance(pl_module, SegmentationModule)
        assert self._averaged is not None
        self._step = trainer.global_step
        decay = decay_after(int(self._averaged.n_averaged), self.decay, self.warmup)
        self._averaged.multi_avg_fn = moving(decay)
        self._averaged.update_parameters(pl_module.net)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """As the module does with its own: evaluate and save rank 0's running statistics."""
        assert self._averaged is not None
        if distributed.is_available() and distributed.is_initialized():
            for buffer in self._averaged.module.buffers():
                distributed.broadcast(buffer, src=0)

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Count from nothing."""
        assert isinstance(pl_module, SegmentationModule)
        self._counting = Counting(pl_module.labels, pl_module.boundary_width)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Predict with the average what the weights have just predicted."""
        assert isinstance(pl_module, SegmentationModule)
        assert self._averaged is not None
        assert self._counting is not None
        predicted = pl_module.predict_batch(batch, self._averaged.module)
        self._counting.add(batch["names"], batch["labels"], *predicted, batch["objects"])

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log its scores."""
        assert isinstance(pl_module, SegmentationModule)
        assert self._counting is not None
        counted, self._counting = self._counting.finish(), None
        self._evaluated = pl_module.log_scores(SPLIT, counted)

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the average, by the names of the module's own weights."""
        assert self._averaged is not None
        weights = {f"net.{name}": value for name, value in self._averaged.module.state_dict().items()}
        checkpoint[AVERAGED] = {"weights": weights, "num_updates": int(self._averaged.n_averaged)}

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print the table of its last scores."""
        if trainer.is_global_zero and self._evaluated is not None:
            title = f"validation of the averaged weights after {trainer.global_step} steps, in percent"
            print_scores(summary(self._evaluated), shares(self._evaluated), title)


def moving(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """What moves averages towards the weights, all of one kind, at a step."""
    move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]

    def update(averages: Tensors, weights: Tensors, num_updates: Tensor | int) -> None:
        if averages[0].is_floating_point():
            move(averages, weights, num_updates)
        else:  # a mean of indices, as of a Swin's positions, is rounded down: another index
            torch._foreach_copy_(averages, weights)

    return update


def decay_after(num_updates: int, decay: float, warmup: bool) -> float:
    """What stays of an average that ``num_updates`` steps have made, at the next one."""
    return min(decay, (1 + num_updates) / (10 + num_updates)) if warmup else decay
