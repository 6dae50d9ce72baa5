"""SegmentationModule: what a training step and an evaluation step are, under which names they log."""

import math
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from atrous.data.batch import Batch
from atrous.inference import Inference, Prediction
from atrous.labels import LabelSet
from atrous.losses import MaskClassification
from atrous.metrics.counting import Counting
from atrous.metrics.counts import BOUNDARY_WIDTH, PictureCounts, confusion_of
from atrous.metrics.evaluation import Evaluation
from atrous.metrics.jaccard import JaccardOfCounts
from atrous.optim import learning_rates
from atrous.outputs import Masks, Supervised
from atrous.sharding import gather, spread

Forward = Callable[[Tensor], Tensor | Supervised]


@dataclass(frozen=True)
class LossTerm:
    """A loss, (logits, labels) -> scalar, and what it is multiplied with in the sum."""

    loss: nn.Module
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.weight, int | float):
            raise ValueError(f"loss weight {self.weight!r}: expected a number")


class SegmentationModule(L.LightningModule):
    """A network with its losses, optimizer and scores.

    net: float images (N, 3, H, W), normalised -> logits (N, C, H, W); in training it may return
        ``Supervised`` instead: several outputs with weights, each of which every loss term is applied to.
    terms: the loss, as named terms that are summed with their weights.
    make_optimizer: net -> optimizer.  make_scheduler: (optimizer, total_steps=...) -> scheduler, stepped per
        optimizer step.
    mean, std: RGB in [0, 1], of the encoder's training.
    inference: how evaluation gets labels from the network.
    boundary_width: of boundary IoU, as metrics.boundary.distance.
    compile_net: net -> what the training calls in its place, with the same parameters; evaluation, whose
        pictures have many sizes, calls the net itself.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        net: nn.Module,
        labels: LabelSet,
        mean: Sequence[float],
        std: Sequence[float],
        terms: Mapping[str, LossTerm] | None = None,
        make_optimizer: Callable[[nn.Module], Optimizer] | None = None,
        make_scheduler: Callable[..., LRScheduler] | None = None,
        inference: Inference | None = None,
        boundary_width: float = BOUNDARY_WIDTH,
        compile_net: Callable[[nn.Module], Forward] | None = None,
    ) -> None:
        super().__init__()
        self.net = net.to(memory_format=torch.channels_last)
        self.compiled = None if compile_net is None else compile_net(self.net)
        self.labels = labels
        self.losses = nn.ModuleDict({name: term.loss for name, term in (terms or {}).items()})
        self.weights = {name: term.weight for name, term in (terms or {}).items()}
        self.make_optimizer = make_optimizer
        self.make_scheduler = make_scheduler
        self.inference = inference or Inference()
        self.boundary_width = boundary_width
        self.register_buffer("mean", 255 * torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(std).view(1, 3, 1, 1))
        self.jaccard = JaccardOfCounts(
            labels.num_classes,
            average="none",
            ignore_index=labels.ignore_index,
            zero_division=math.nan,
            validate_args=False,
        )
        self._counting: Counting | None = None  # made anew for each evaluation
        self._seconds: list[float] = []
        self.evaluated: Evaluation | None = None
        """Of the last whole evaluation, over all devices."""
        self.seconds_per_picture: float | None = None
        """Of the last evaluation on this device: the median over its batches, the first left out."""
        self.evaluated_on = ""
        """The name of that device."""

    def forward(self, images: Tensor) -> Tensor:
        """images: uint8 (N, 3, H, W) -> logits: float (N, C, H, W)."""
        logits: Tensor = self.net(self.normalize(images))
        return logits

    def normalize(self, images: Tensor) -> Tensor:
        """images: uint8 or float (N, 3, H, W), 0..255 -> float, less the mean, over the deviation."""
        return normalized(images, self.mean, self.std)

    def configure_optimizers(self) -> Any:
        """The optimizer, and its schedule over the true number of optimizer steps."""
        assert self.make_optimizer is not None
        assert self.make_scheduler is not None
        total_steps = self.trainer.estimated_stepping_batches
        if total_steps == float("inf"):
            raise ValueError("the schedule needs an end: set trainer.max_steps or trainer.max_epochs")
        optimizer = self.make_optimizer(self.net)
        scheduler = self.make_scheduler(optimizer, total_steps=int(total_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_fit_start(self) -> None:
        """Ranks may see unequal numbers of validation batches: no forward may wait for buffers."""
        if isinstance(self.trainer.model, DistributedDataParallel):
            self.trainer.model.broadcast_buffers = False

    def training_step(self, batch: Batch) -> Tensor:
        """The weighted sum of the loss terms."""
        outputs = self._train_outputs(batch["images"])
        labels = batch["labels"].long()
        terms = {name: _supervise(name, loss, outputs, labels) for name, loss in self.losses.items()}
        total = torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
        if is_logged(self.trainer, self.trainer.global_step + 1):
            self.log("train/loss", total, prog_bar=True)
            if len(terms) > 1:
                self.log_dict({f"train/{name}": term for name, term in terms.items()})
            optimizer = self.trainer.optimizers[0]
            self.log("train/lr", optimizer.param_groups[0]["lr"], prog_bar=True)
            self.log_dict({f"train/lr/{name}": rate for name, rate in learning_rates(optimizer).items()})
        return total

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Lightning refuses to clip for a fused optimizer in bf16-mixed, where no scale is in the way."""
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        if not gradient_clip_val:
            return
        if gradient_clip_algorithm == "value":
            nn.utils.clip_grad_value_(parameters, gradient_clip_val)
        else:
            nn.utils.clip_grad_norm_(parameters, gradient_clip_val)

    def _train_outputs(self, images: Tensor) -> Supervised:
        try:
            outputs: Tensor | Supervised = (self.compiled or self.net)(self.normalize(images))
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise ValueError(
                f"a batch of {len(images)} picture a device cannot train this network: its batch norm sees a "
                "single value; "
                "set data.batch_size=2 or more (with trainer.accumulate_grad_batches, it need not cost "
                "memory elsewhere)"
            ) from error
        return outputs if isinstance(outputs, Supervised) else Supervised((outputs,), (1.0,))

    def on_validation_start(self) -> None:
        """Evaluate and save rank 0's running statistics, which DDP else broadcasts in each forward."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            for buffer in self.net.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def on_validation_epoch_start(self) -> None:
        """Count from nothing."""
        self._begin_evaluation()

    def on_test_epoch_start(self) -> None:
        """Count from nothing."""
        self._begin_evaluation()

    def validation_step(self, batch: Batch) -> Tensor:
        """The predicted labels, uint8 (N, H, W)."""
        return self._evaluation_step(batch)

    def test_step(self, batch: Batch) -> Tensor:
        """The predicted labels, uint8 (N, H, W)."""
        return self._evaluation_step(batch)

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the split."""
        self._end_evaluation("val")

    def on_test_epoch_end(self) -> None:
        """Log the scores of the split."""
        self._end_evaluation("test")

    def predict(
        self, images: Tensor, inference: Inference | None = None, net: nn.Module | None = None
    ) -> Prediction:
        """images: uint8 (N, 3, H, W) -> labels uint8 (N, H, W), and how sure the network is of them.

        inference: None: the module's own.  net: None: the module's own; or with other weights.
        Always in float32: the precision of the training must not change the score of its weights.
        """
        with torch.autocast(images.device.type, enabled=False):
            return (inference or self.inference)(net or self.net, self.normalize(images), self._mirror)

    def predict_batch(self, batch: Batch, net: nn.Module | None = None) -> Prediction:
        """As ``predict``.  Raises ValueError: what is wrong with a prediction, with the pictures' names."""
        try:
            # waits for the device, to ask whether all is finite
            return self.predict(batch["images"], net=net)
        except ValueError as error:
            error.add_note(f"pictures {', '.join(batch['names'])}")
            raise

    def log_scores(self, split: str, counted: list[PictureCounts]) -> Evaluation:
        """Log the scores of the pictures that all devices counted, as <split>/<name>.  All must call it."""
        everywhere = _from_all_devices(counted)
        evaluated = Evaluation.of(everywhere, self.labels, self.boundary_width)
        confusion = torch.from_numpy(confusion_of(everywhere, self.labels.num_classes))
        self.jaccard.reset()
        self.jaccard.update(confusion.to(self.device))
        iou = self.jaccard.compute()
        named = {f"{split}/{name}": value for name, value in log_values(evaluated).items()}
        named |= {f"{split}/iou/{name}": value for name, value in zip(self.labels.classes, iou, strict=True)}
        self.log(f"{split}/miou", iou.nanmean(), prog_bar=True, sync_dist=True)
        self.log_dict(named, sync_dist=True)
        return evaluated

    def soft(self, images: Tensor, inference: Inference | None = None) -> tuple[Prediction, Tensor]:
        """As ``predict``, and the probabilities that it chooses the largest of: float32 (N, C, H, W)."""
        with torch.autocast(images.device.type, enabled=False):
            return (inference or self.inference).soft(self.net, self.normalize(images), self._mirror)

    @property
    def _mirror(self) -> list[int]:
        table: list[int] = self.labels.mirror_table[: self.labels.num_classes].tolist()
        return table

    def _begin_evaluation(self) -> None:
        self._counting, self._seconds = Counting(self.labels, self.boundary_width), []
        gather(self.net)  # ranks may see unequal numbers of pictures

    def _evaluation_step(self, batch: Batch) -> Tensor:
        start = time.perf_counter()
        predicted = self.predict_batch(batch)
        self._seconds.append((time.perf_counter() - start) / len(predicted.labels))
        assert self._counting is not None
        self._counting.add(batch["names"], batch["labels"], *predicted, batch["objects"])
        return predicted.labels

    def _end_evaluation(self, split: str) -> None:
        assert self._counting is not None
        counted, self._counting = self._counting.finish(), None
        spread(self.net)
        self.evaluated = self.log_scores(split, counted)
        self.seconds_per_picture = statistics.median(self._seconds[1:] or self._seconds or [math.nan])
        self.evaluated_on = _device_name(self.device)


def normalized(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """As ``SegmentationModule.normalize``.  mean, std: float (1, 3, 1, 1), 0..255."""
    # uint8 becomes float within the subtraction: one pass over the pixels, and one over the result.
    return torch.sub(images.contiguous(memory_format=torch.channels_last), mean).div_(std)


def is_logged(trainer: L.Trainer, step: int) -> bool:
    """Whether values of the optimizer step ``step``, counted from 1, are logged; of the last one always.

    To log takes time and, on a GPU, waits for the values: the other steps leave it out.
    """
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return step >= trainer.estimated_stepping_batches or (every > 0 and step % every == 0)


def _device_name(device: torch.device) -> str:
    """The GPU's name, or the processor's kind."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()})"


def _from_all_devices(counted: list[PictureCounts]) -> list[PictureCounts]:
    """The pictures that each device counted, on every device."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return counted
    parts: list[list[PictureCounts]] = [[] for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(parts, counted)
    return [picture for part in parts for picture in part]


def _supervise(name: str, loss: nn.Module, supervised: Supervised, labels: Tensor) -> Tensor:
    """The weighted sum of ``loss`` over a network's outputs."""
    total = labels.new_zeros((), dtype=torch.float32)
    for output, weight in zip(supervised.outputs, supervised.weights, strict=True):
        if isinstance(output, Masks) and not isinstance(loss, MaskClassification):
            raise ValueError(
                f"loss={name} needs logits, but this model predicts masks; set loss=mask_classification"
            )
        total = total + weight * loss(output, labels)
    return total


def log_values(evaluated: Evaluation) -> dict[str, float]:
    """The scores that are logged beside the IoU, by name."""
    labels, scores = evaluated.labels, evaluated.scores()
    means = ("mean_dice", "mean_accuracy", "pixel_accuracy", "frequency_weighted_iou", "mean_boundary_iou")
    named = {name: float(scores[name]) for name in (*means, "calibration_error")}
    if labels.object_class:
        named[f"dice/{labels.object_class}"] = float(scores["dice"][1])
    return named
