"""What was seen of an optimizer step: kept on the device, and looked at later."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, distributed, nn

from atrous.sharding import whole


@dataclass
class SeenBatch:
    """Of one batch: its pictures' names; whether a pixel is labelled, bool (); the loss, float ()."""

    names: list[str]
    labelled: Tensor
    loss: Tensor | None = None


@dataclass
class SeenStep:
    """Of one optimizer step: its number, counted from 1, its batches, the norm of the gradients, float ()."""

    number: int
    batches: list[SeenBatch] = field(default_factory=list)
    norm: Tensor | None = None

    def bad(self) -> Tensor:
        """Whether the loss or a gradient is not finite: bool ()."""
        values = [*(batch.loss for batch in self.batches), self.norm]
        return ~torch.stack([value for value in values if value is not None]).isfinite().all()

    def told(self) -> str:
        """What is not finite, and with which pictures.  Every process must ask, and gets the same answer."""
        losses = [math.nan if batch.loss is None else float(batch.loss) for batch in self.batches]
        bad = [place for place, loss in enumerate(losses) if not math.isfinite(loss)]
        names = [name for place in bad or range(len(losses)) for name in self.batches[place].names]
        parts = gathered((losses[bad[0]] if bad else None, names))
        with_loss = [part for part in parts if part[0] is not None]
        norm = math.nan if self.norm is None else float(self.norm)
        what = f"the loss is {with_loss[0][0]}" if with_loss else f"the norm of the gradients is {norm}"
        named = ", ".join(name for _, part in with_loss or parts for name in part)
        return f"step {self.number}: {what}, with the pictures {named}"


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor | None:
    """The total norm, float (), not finite where a gradient is not.  None: there are no gradients.

    The largest value would tell the same, and takes ten times as long on a processor.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return whole(nn.utils.get_total_norm(gradients)).float() if gradients else None


def gathered(part: tuple[float | None, list[str]]) -> Sequence[tuple[float | None, list[str]]]:
    """The part of each process, on every process."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return [part]
    parts = [part] * distributed.get_world_size()
    distributed.all_gather_object(parts, part)
    return parts
