"""Weighted means of the pixels' cross entropy.

The mean is the sum of weight times loss over the pixels, divided by the sum of their weights.  A pixel weighs
what its class does (``class_weights``, one a class; None: all 1), and nothing where it is ignored; a class of
weight 0 is thereby as if ignored.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PixelWeights(nn.Module):
    """What each pixel counts in a weighted mean: the weight of its class, 0 where it is ignored.

    Raises ValueError: not one weight a class.
    """

    table: Tensor

    def __init__(self, num_classes: int, ignore_index: int, class_weights: Sequence[float] | None) -> None:
        super().__init__()
        if class_weights is not None and len(class_weights) != num_classes:
            raise ValueError(
                f"class_weights has {len(class_weights)} entries; expected {num_classes}, one a class"
            )
        table = torch.zeros(max(num_classes, ignore_index + 1))
        table[:num_classes] = 1.0 if class_weights is None else torch.tensor(class_weights)
        self.register_buffer("table", table, persistent=False)

    def forward(self, labels: Tensor) -> Tensor:
        """float32 (N, H, W), of int64 labels (N, H, W)."""
        return self.table.float()[labels]


class CrossEntropy(nn.Module):
    """Mean cross entropy of the labelled pixels.

    class_weights: one a class; the mean is then weighted.
    label_smoothing: in [0, 1): this share of a pixel's truth is spread evenly over all classes.
    Equal to torch's, but where both are given: torch then also weights the classes that the truth is spread
    over, here a pixel weighs what its own class does.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.weights = PixelWeights(num_classes, ignore_index, class_weights)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The weighted mean over labelled pixels."""
        losses = F.cross_entropy(
            logits.float(),
            labels,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction="none",
        )
        return weighted_mean(losses, self.weights(labels))


class BoundaryCrossEntropy(nn.Module):
    """Mean cross entropy of the labelled pixels, in which those near a class boundary weigh 1 + ``strength``.

    radius: in pixels, see ``near_boundary``.
    class_weights: one a class; multiplied with the boundary's weights in the weighted mean.
    Source: the idea of U-Net's weight map (Ronneberger et al., 2015), as a band of constant weight.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        radius: int = 2,
        strength: float = 4.0,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if radius < 1 or strength < 0:
            raise ValueError(
                f"radius={radius}, strength={strength}: expected a radius of 1 pixel or more and a strength "
                "of 0 or more"
            )
        self.weights = PixelWeights(num_classes, ignore_index, class_weights)
        self.ignore_index = ignore_index
        self.radius = radius
        self.strength = strength

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The weighted mean over labelled pixels."""
        losses = F.cross_entropy(logits.float(), labels, ignore_index=self.ignore_index, reduction="none")
        near = near_boundary(labels, self.ignore_index, self.radius)
        weights = self.weights(labels) * (1 + self.strength * near)
        return weighted_mean(losses, weights)


class OnlineHardExampleMining(nn.Module):
    """Mean cross entropy of the hard pixels: those whose true class got a probability below ``threshold``.

    min_kept: the share of the labelled pixels that is kept at least, hardest first, in (0, 1].
    class_weights: one a class; the mean over the kept pixels is then weighted.  Which pixels are kept does
        not depend on them.
    Source: Shrivastava et al., "Training region-based object detectors with online hard example mining",
    2016, in the per-pixel form that is usual for Cityscapes.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        threshold: float = 0.7,
        min_kept: float = 0.0625,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.weights = PixelWeights(num_classes, ignore_index, class_weights)
        self.ignore_index = ignore_index
        self.min_loss = -torch.log(torch.tensor(threshold)).item()
        self.min_kept = min_kept

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The weighted mean over hard pixels."""
        losses = F.cross_entropy(logits.float(), labels, ignore_index=self.ignore_index, reduction="none")
        weights = self.weights(labels) * self._kept(losses.detach(), labels != self.ignore_index)
        return weighted_mean(losses, weights)

    def _kept(self, losses: Tensor, valid: Tensor) -> Tensor:
        """Which, bool (N, H, W).  Their number stays on the device: topk would wait for it."""
        hardest = torch.where(valid, losses, -1.0).flatten().sort(descending=True).values
        num_kept = (self.min_kept * valid.sum().view(1)).round().long().clamp(min=1)
        return valid & ((losses > self.min_loss) | (losses >= hardest.gather(0, num_kept - 1)))


class Focal(nn.Module):
    """Mean over labelled pixels of (1 - p)^gamma * cross entropy, p the probability of the true class.

    class_weights: one a class (the paper's alpha); the mean is then weighted.
    Source: Lin et al., "Focal loss for dense object detection", 2017, in its softmax form.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        gamma: float = 2.0,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.weights = PixelWeights(num_classes, ignore_index, class_weights)
        self.ignore_index = ignore_index
        self.gamma = gamma

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The weighted mean over labelled pixels."""
        losses = F.cross_entropy(logits.float(), labels, ignore_index=self.ignore_index, reduction="none")
        # 1 - p through expm1, which stays exact where p is close to 1; never 0, whose root has no gradient.
        missing = (-torch.expm1(-losses)).clamp(min=torch.finfo(torch.float32).tiny)
        return weighted_mean(missing**self.gamma * losses, self.weights(labels))


def near_boundary(labels: Tensor, ignore_index: int, radius: int) -> Tensor:
    """Whether a pixel has one of another class within ``radius`` pixels (Chebyshev distance): bool (N, H, W).

    Ignored pixels are of no class: the edge of an ignored region is no boundary.
    """
    valid = (labels != ignore_index)[:, None]
    classes = labels[:, None].float()  # max_pool2d knows no integers
    # The largest class in the window, and minus the smallest.
    both = torch.where(valid, torch.cat([classes, -classes], 1), -torch.inf)
    largest, smallest = F.max_pool2d(both, 2 * radius + 1, stride=1, padding=radius).unbind(1)
    return valid[:, 0] & (largest != -smallest)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """The mean of ``losses``; 0 where nothing has a weight."""
    return (losses * weights).sum() / weights.sum().clamp(min=torch.finfo(torch.float32).tiny)
