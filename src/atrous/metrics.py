"""Scores: a pure function of a data set's confusion matrix.

The matrix itself is torchmetrics' MulticlassConfusionMatrix, the accumulator behind its multiclass
JaccardIndex: int64, summed over the whole data set and over all devices, never a mean over batches or
pictures.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Scores(NamedTuple):
    """All in [0, 1], float64.  A class in neither truth nor prediction is nan, and left out of every mean.

    iou, dice, precision, recall: (C,), a class each.  Precision is nan where a class was never predicted,
        recall where it
    does not occur in truth.
    miou, mean_dice: the means of iou and dice.  mean_accuracy: the mean of recall.
    pixel_accuracy: correct pixels over labelled pixels.
    frequency_weighted_iou: iou weighted by the class's share of labelled pixels.
    """

    iou: Tensor
    dice: Tensor
    precision: Tensor
    recall: Tensor
    miou: Tensor
    mean_dice: Tensor
    mean_accuracy: Tensor
    pixel_accuracy: Tensor
    frequency_weighted_iou: Tensor


def scores(confusion: Tensor) -> Scores:
    """The scores of a confusion matrix.  confusion: int64 (C, C), rows = truth, without ignored pixels."""
    counts = confusion.double()
    correct, truth, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
    union = truth + predicted - correct
    iou = correct / union  # 0 / 0 = nan: absent from both
    dice = 2 * correct / (truth + predicted)
    recall = correct / truth
    present = truth > 0
    return Scores(
        iou=iou,
        dice=dice,
        precision=correct / predicted,
        recall=recall,
        miou=iou.nanmean(),
        mean_dice=dice.nanmean(),
        mean_accuracy=recall.nanmean(),
        pixel_accuracy=correct.sum() / counts.sum(),
        frequency_weighted_iou=torch.where(present, truth * iou, 0.0).sum() / counts.sum(),
    )
