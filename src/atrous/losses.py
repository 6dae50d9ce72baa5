"""Loss terms: logits and labels in, one float32 scalar >= 0 out.

Shapes are the same everywhere: logits float (N, C, H, W), unnormalised; labels int64 (N, H, W), 0..C-1 and
the ignore index. Ignored pixels are out of every sum and every denominator; a batch without any labelled
pixel gives 0, with a gradient of 0. All terms compute in float32, whatever precision the network ran in.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CrossEntropy(nn.Module):
    """Mean cross entropy of the labelled pixels.

    class_weights: one a class; the mean is then weighted, as in torch.
    label_smoothing: in [0, 1).
    """

    class_weights: Tensor | None

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        if class_weights is not None and len(class_weights) != num_classes:
            raise ValueError(
                f"class_weights has {len(class_weights)} entries; expected {num_classes}, one a class"
            )
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", weights, persistent=False)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over labelled pixels."""
        logits = logits.float()
        if not (labels != self.ignore_index).any():
            return logits.sum() * 0.0
        return F.cross_entropy(
            logits,
            labels,
            weight=self.class_weights,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )


class OnlineHardExampleMining(nn.Module):
    """Mean cross entropy of the hard pixels: those whose true class got a probability below ``threshold``.

    min_kept: the share of the labelled pixels that is kept at least, hardest first, in (0, 1].
    Source: Shrivastava et al., "Training region-based object detectors with online hard example mining",
    2016, in the per-pixel form that is usual for Cityscapes.
    """

    def __init__(
        self, num_classes: int, ignore_index: int, threshold: float = 0.7, min_kept: float = 0.0625
    ) -> None:
        super().__init__()
        del num_classes
        self.ignore_index = ignore_index
        self.min_loss = -torch.log(torch.tensor(threshold)).item()
        self.min_kept = min_kept

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over hard pixels."""
        valid = labels != self.ignore_index
        losses = F.cross_entropy(logits.float(), labels, ignore_index=self.ignore_index, reduction="none")[
            valid
        ]
        if losses.numel() == 0:
            return logits.float().sum() * 0.0
        num_kept = max(1, round(self.min_kept * losses.numel()), int((losses > self.min_loss).sum()))
        return losses.topk(num_kept).values.mean()


class Focal(nn.Module):
    """Mean over labelled pixels of (1 - p)^gamma * cross entropy, p the probability of the true class.

    Source: Lin et al., "Focal loss for dense object detection", 2017, in its softmax form.
    """

    def __init__(self, num_classes: int, ignore_index: int, gamma: float = 2.0) -> None:
        super().__init__()
        del num_classes
        self.ignore_index = ignore_index
        self.gamma = gamma

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over labelled pixels."""
        valid = labels != self.ignore_index
        losses = F.cross_entropy(logits.float(), labels, ignore_index=self.ignore_index, reduction="none")
        # 1 - p through expm1, which stays exact, with a finite gradient, where p is close to 1.
        return (((-torch.expm1(-losses)) ** self.gamma) * losses * valid).sum() / valid.sum().clamp(min=1)


class Dice(nn.Module):
    """1 - Dice coefficient of the soft prediction, over the whole batch, averaged over the classes present in
    the labels.

    Source: Milletari et al., "V-Net", 2016, with p + t (not p^2 + t^2) in the denominator.
    """

    def __init__(self, num_classes: int, ignore_index: int, smooth: float = 0.0) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.smooth = smooth

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over present classes."""
        probabilities, labels = labelled_probabilities(logits, labels, self.ignore_index)
        truth = F.one_hot(labels, self.num_classes).float()
        num_truth = truth.sum(0)
        dice = (2 * (probabilities * truth).sum(0) + self.smooth) / (
            probabilities.sum(0) + num_truth + self.smooth
        ).clamp(min=torch.finfo(torch.float32).tiny)
        present = num_truth > 0
        return ((1 - dice) * present).sum() / present.sum().clamp(min=1)


class Lovasz(nn.Module):
    """Lovász-softmax: the convex extension of 1 - IoU, over the whole batch, mean over present classes.

    Source: Berman et al., "The Lovász-softmax loss", 2018, algorithm 1.
    """

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__()
        del num_classes
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over present classes."""
        probabilities, labels = labelled_probabilities(logits, labels, self.ignore_index)
        if labels.numel() == 0:
            return logits.float().sum() * 0.0
        losses = []
        for index in torch.unique(labels):
            truth = (labels == index).float()
            errors, order = (truth - probabilities[:, index]).abs().sort(descending=True)
            losses.append(errors @ _jaccard_gradient(truth[order]))
        return torch.stack(losses).mean()


def labelled_probabilities(logits: Tensor, labels: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """float32 (P, C) softmax and int64 (P,) labels of the P labelled pixels."""
    valid = labels != ignore_index
    return logits.float().softmax(1).movedim(1, -1)[valid], labels[valid]


def _jaccard_gradient(truth: Tensor) -> Tensor:
    """How the Jaccard loss grows as pixels turn wrong, hardest first.  truth: float (P,), 0 or 1."""
    total = truth.sum()
    intersection = total - truth.cumsum(0)
    union = total + (1 - truth).cumsum(0)
    jaccard = 1 - intersection / union
    return torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
