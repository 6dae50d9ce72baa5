"""What the soft prediction and the truth share of each class, over the whole batch."""

import torch
from torch import Tensor, nn


class Dice(nn.Module):
    """1 - Dice coefficient of the soft prediction, over the whole batch, averaged over the classes present in
    the labels.

    Source: Milletari et al., "V-Net", 2016, with p + t (not p^2 + t^2) in the denominator.
    """

    def __init__(self, num_classes: int, ignore_index: int, smooth: float = 0.0) -> None:
        super().__init__()
        del num_classes
        self.ignore_index = ignore_index
        self.smooth = smooth

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over present classes."""
        hit, predicted, true = soft_counts(logits, labels, self.ignore_index)
        dice = _ratio(2 * hit + self.smooth, predicted + true + self.smooth)
        return _mean_of_present(1 - dice, true)


class Tversky(nn.Module):
    """1 - Tversky index of the soft prediction, over the whole batch, averaged over the classes present in
    the labels: Dice with prices of their own for false positives and false negatives.

    alpha, beta: the prices of false positives and of false negatives, >= 0.  0.5 and 0.5 is Dice; a larger
        beta finds more of the rare classes, and less exactly.
    Source: Salehi et al., "Tversky loss function for image segmentation using 3D fully convolutional deep
    networks", 2017.
    """

    def __init__(self, num_classes: int, ignore_index: int, alpha: float = 0.3, beta: float = 0.7) -> None:
        super().__init__()
        del num_classes
        if min(alpha, beta) < 0 or alpha + beta == 0:
            raise ValueError(f"alpha={alpha}, beta={beta}: expected 0 or more, and not 0 for both")
        self.ignore_index = ignore_index
        self.alpha = alpha
        self.beta = beta

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over present classes."""
        hit, predicted, true = soft_counts(logits, labels, self.ignore_index)
        index = _ratio(hit, hit + self.alpha * (predicted - hit) + self.beta * (true - hit))
        return _mean_of_present(1 - index, true)


class Lovasz(nn.Module):
    """Lovász-softmax: the convex extension of 1 - IoU, over the whole batch, mean over present classes.

    Each step waits for the device, to sort the labelled pixels and the present classes alone.
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
            # Not errors @ ..., which autocast would compute in bf16.
            losses.append((errors * _jaccard_gradient(truth[order])).sum())
        return torch.stack(losses).mean()


def soft_counts(logits: Tensor, labels: Tensor, ignore_index: int) -> tuple[Tensor, Tensor, Tensor]:
    """Three float32 (C,) over the labelled pixels of the batch: the sum of each class's probability where it
    is true, the sum of its probability, and the number of pixels where it is true.
    """
    classes = torch.arange(logits.shape[1], device=logits.device)
    truth = labels[:, None] == classes[:, None, None]
    probabilities = logits.float().softmax(1) * (labels != ignore_index)[:, None]
    places = (0, 2, 3)
    return (probabilities * truth).sum(places), probabilities.sum(places), truth.sum(places).float()


def labelled_probabilities(logits: Tensor, labels: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """float32 (P, C) softmax and int64 (P,) labels of the P labelled pixels."""
    valid = labels != ignore_index
    return logits.float().softmax(1).movedim(1, -1)[valid], labels[valid]


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Of two (C,); 0 where both are 0, as for a class without pixels."""
    return numerator / denominator.clamp(min=torch.finfo(torch.float32).tiny)


def _mean_of_present(losses: Tensor, true: Tensor) -> Tensor:
    """The mean over the classes that occur; 0 where none does.  true: (C,), pixels a class."""
    present = true > 0
    return (losses * present).sum() / present.sum().clamp(min=1)


def _jaccard_gradient(truth: Tensor) -> Tensor:
    """How the Jaccard loss grows as pixels turn wrong, hardest first.  truth: float (P,), 0 or 1."""
    total = truth.sum()
    intersection = total - truth.cumsum(0)
    union = total + (1 - truth).cumsum(0)
    jaccard = 1 - intersection / union
    return torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
