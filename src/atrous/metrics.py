"""Scores: a pure function of a data set's confusion matrix.

The matrix itself is torchmetrics' MulticlassConfusionMatrix, the accumulator behind its multiclass
JaccardIndex: int64, summed over the whole data set and over all devices, never a mean over batches or
pictures.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Evaluation(NamedTuple):
    """What an evaluation leaves: everything that scores are made of, on the CPU.

    confusion: int64 (C, C), rows = truth, of the whole data set.
    image_mious: float64 (P,), of each of its P pictures, in no meaningful order; nan for a picture without
        labels.
    """

    confusion: Tensor
    image_mious: Tensor


class Scores(NamedTuple):
    """All in [0, 1], float64.  A class in neither truth nor prediction is nan, and left out of every mean.

    iou, dice, precision, recall: (C,), a class each.  Precision is nan where a class was never predicted,
        recall where it
    does not occur in truth.
    miou, mean_dice: the means of iou and dice.  mean_accuracy: the mean of recall.
    pixel_accuracy: correct pixels over labelled pixels.
    frequency_weighted_iou: iou weighted by the class's share of labelled pixels.
    iou_sum_over_sum: the sum of the classes' intersections over the sum of their unions, which some programs
        call mean IoU; it is pixel_accuracy / (2 - pixel_accuracy), and says nothing of rare classes.
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
    iou_sum_over_sum: Tensor


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
        iou_sum_over_sum=correct.sum() / union.sum(),
    )


def image_miou(confusion: Tensor) -> Tensor:
    """The mIoU of one picture, a float32 scalar, absent classes left out; nan without labelled pixels.

    confusion: int64 (C, C) of the picture.  Its mean over pictures is another score than the data set's mIoU.
    """
    correct = confusion.diagonal()
    return (correct / (confusion.sum(0) + confusion.sum(1) - correct)).nanmean()
