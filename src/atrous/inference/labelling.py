"""From class scores to labels, a few rows at a time."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

# Of class scores that are worked on at once.  Less would save little memory, and cost much time where other
# processes want the cores: all of them meet after each step of a strip.
STRIP_BYTES = 24 * 2**20

Rows = Callable[[int, int], Tensor]


class Prediction(NamedTuple):
    """labels: uint8 (N, H, W).  confidence: float32 (N, H, W), the probability of the label, in [0, 1]."""

    labels: Tensor
    confidence: Tensor


def strips(height: int, row_bytes: int) -> Iterator[tuple[int, int]]:
    """Where strips of rows begin and end, that together are 0..height.

    row_bytes: of the scores of one row.
    """
    step = max(1, STRIP_BYTES // max(1, row_bytes))
    for top in range(0, height, step):
        yield top, min(height, top + step)


def of_logits(rows: Rows, shape: tuple[int, int, int], row_bytes: int, device: torch.device) -> Prediction:
    """rows: (top, bottom) -> logits, float (N, C, bottom - top, W), C <= 254.  shape: (N, H, W)."""
    found = _empty(shape, device)
    for top, bottom in strips(shape[1], row_bytes):
        logits = rows(top, bottom).float()
        largest, found.labels[:, top:bottom] = _largest(logits)
        found.confidence[:, top:bottom] = (logits - largest[:, None]).exp_().sum(1).reciprocal_()
    return _finite(found)


def of_probabilities(probabilities: Tensor) -> Prediction:
    """probabilities: float (N, C, H, W), C <= 254."""
    num, _, height, width = probabilities.shape
    found = _empty((num, height, width), probabilities.device)
    for top, bottom in strips(height, probabilities[..., :1, :].numel() * 4):
        largest, found.labels[:, top:bottom] = _largest(probabilities[..., top:bottom, :])
        found.confidence[:, top:bottom] = largest
    return _finite(Prediction(found.labels, found.confidence.clamp_(max=1.0)))


def _largest(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Of float (N, C, H, W) the largest, (N, H, W), and the first class that has it, uint8: as ``max(1)``.

    On a processor that compares one pixel at a time, and this many: it takes a third of the time.
    """
    largest, num_classes = scores.amax(1), scores.shape[1]
    down = torch.arange(num_classes, 0, -1, dtype=torch.uint8, device=scores.device)  # the first is largest
    reached = (scores == largest[:, None]).view(torch.uint8)
    return largest, num_classes - (reached * down.view(-1, 1, 1)).amax(1)


def _empty(shape: tuple[int, int, int], device: torch.device) -> Prediction:
    labels = torch.empty(shape, dtype=torch.uint8, device=device)
    return Prediction(labels, torch.empty(shape, device=device))


def _finite(prediction: Prediction) -> Prediction:
    """Raises ValueError: a score was not finite, which would look like a prediction; its confidence is nan.

    Asked once: the answer must wait for the device.
    """
    if prediction.confidence.isnan().any():
        raise ValueError("the network's output is not finite: the weights have diverged; lower optimizer.lr")
    return prediction
