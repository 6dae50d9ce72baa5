"""Numbers that are not finite, and batches without labels: told by name, before they do harm."""

import warnings
from collections.abc import Sequence
from typing import Any

import lightning as L
import torch
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from torch.optim import Optimizer

from atrous.callbacks.seen import SeenBatch, SeenStep, gradient_norm
from atrous.data.batch import Batch
from atrous.module import SegmentationModule, is_logged

MOST_IN_A_ROW = 20  # steps that are left out: then it is not a batch here and there
MOST_UNSEEN = 1000  # steps, where values are hardly ever logged
REMEDY = "lower optimizer.lr, set trainer.gradient_clip_val=1, or train in trainer.precision=32-true"


class FiniteSteps(L.Callback):
    """Ends the training where a loss or a gradient is not finite, or leaves such steps out.

    What was seen of the steps stays on the device, and is looked at when values are logged, before a
    validation and before a checkpoint is written: no step waits for a GPU, the first bad step is known all
    the same, and nothing that came after it is validated or saved.  All processes decide alike.
    With a gradient scaler (trainer.precision=16-mixed) infinite gradients are its own to find and leave out.

    skip: leave bad steps out, without a trace in weights, optimizer or running statistics.  Each step then
        waits for the device.
    """

    def __init__(self, skip: bool = False) -> None:
        self.skip = skip
        self.num_skipped = 0
        self._in_a_row = 0
        self._num_unlabelled = 0
        self._open: SeenStep | None = None
        self._unseen: list[SeenStep] = []
        self._kept: list[Tensor] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Nothing was seen yet."""
        self._open, self._unseen, self._in_a_row, self._num_unlabelled = None, [], 0, 0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Note the batch."""
        assert isinstance(pl_module, SegmentationModule)
        if self._open is None:
            self._open = SeenStep(trainer.global_step + 1)
            if self.skip:
                self._keep_buffers(pl_module)
        extremes = torch.stack(batch["labels"].aminmax())  # much faster than to look at each pixel
        labelled = (extremes != pl_module.labels.ignore_index).any()
        self._open.batches.append(SeenBatch(batch["names"], labelled))

    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor) -> None:
        """Note the loss."""
        assert self._open is not None
        self._open.batches[-1].loss = loss.detach().float()

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Optimizer
    ) -> None:
        """Note the gradients, as they are before they are clipped; look, if it is time."""
        assert self._open is not None
        assert isinstance(pl_module, SegmentationModule)
        plugin = trainer.precision_plugin
        if not (isinstance(plugin, MixedPrecision) and plugin.scaler is not None):
            groups = optimizer.param_groups
            self._open.norm = gradient_norm(each for group in groups for each in group["params"])
            if self._open.norm is not None and is_logged(trainer, self._open.number):
                pl_module.log("train/gradient_norm", self._open.norm)
        self._unseen.append(self._open)
        step, self._open = self._open, None
        if self.skip or is_logged(trainer, step.number) or len(self._unseen) >= MOST_UNSEEN:
            bad = self._look(trainer)
            if bad is not None:
                self._leave_out(bad, pl_module, optimizer)
            else:
                self._in_a_row = 0

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Log how many steps were left out, with the other values."""
        if self.skip and is_logged(trainer, trainer.global_step):
            pl_module.log("train/skipped_steps", float(self.num_skipped))

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look: no score of weights that are none."""
        self._look(trainer)

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Look: the checkpoint that is there stays the last good one."""
        self._look(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look a last time, and say how often there were no labels."""
        self._look(trainer)
        num = trainer.strategy.reduce(
            torch.tensor(self._num_unlabelled, device=pl_module.device), None, "sum"
        )
        if trainer.is_global_zero and int(num):
            print(f"{int(num)} batches of a device had no labelled pixel: they taught nothing")

    def state_dict(self) -> dict[str, Any]:
        """How many steps were left out, for a run that goes on."""
        return {"num_skipped": self.num_skipped}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from it."""
        self.num_skipped = state_dict["num_skipped"]

    def _look(self, trainer: L.Trainer) -> SeenStep | None:
        """What nobody has looked at: the step that is to be left out, if it is bad.

        Raises ValueError: a step was bad, and is not to be left out.
        """
        steps, self._unseen = self._unseen, []
        if not steps:
            return None
        self._tell_of_labels(steps)
        verdicts = torch.stack([step.bad() for step in steps]).int()
        for step, bad in zip(steps, trainer.strategy.reduce(verdicts, None, "max").tolist(), strict=True):
            if bad and self.skip:
                return step
            if bad:
                raise ValueError(
                    f"{step.told()}; {REMEDY}, and go on from the last checkpoint, which is of steps before; "
                    "trainer.on_bad_step=skip would leave such steps out"
                )
        return None

    def _tell_of_labels(self, steps: Sequence[SeenStep]) -> None:
        batches = [(step.number, batch) for step in steps for batch in step.batches]
        labelled = torch.stack([batch.labelled for _, batch in batches]).tolist()
        without = [each for each, any_is in zip(batches, labelled, strict=True) if not any_is]
        if without and not self._num_unlabelled:
            number, batch = without[0]
            warnings.warn(
                f"step {number}: no pixel of {', '.join(batch.names)} is labelled: it teaches nothing "
                "(how many such batches there are is said at the end of the training)",
                stacklevel=1,
            )
        self._num_unlabelled += len(without)

    def _keep_buffers(self, module: SegmentationModule) -> None:
        """What the forward passes of the step will change: running statistics."""
        buffers = list(module.net.buffers())
        if len(self._kept) != len(buffers):
            self._kept = [torch.empty_like(buffer) for buffer in buffers]
        if buffers:
            torch._foreach_copy_(self._kept, buffers)

    def _leave_out(self, step: SeenStep, module: SegmentationModule, optimizer: Optimizer) -> None:
        """Without gradients neither momentum nor weight decay moves anything.

        Raises ValueError: too many in a row.
        """
        optimizer.zero_grad(set_to_none=True)
        for buffer, before in zip(module.net.buffers(), self._kept, strict=True):
            buffer.copy_(before)
        self.num_skipped += 1
        self._in_a_row += 1
        if self._in_a_row >= MOST_IN_A_ROW:
            raise ValueError(
                f"{step.told()}: the last of {MOST_IN_A_ROW} steps in a row, which trainer.on_bad_step=skip "
                f"does not mend; {REMEDY}"
            )
        if self.num_skipped == 1:
            rank_zero_warn(f"{step.told()}; it is left out, as all others will be (train/skipped_steps)")
