import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
)
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

from atrous.metrics import image_miou, scores

C, IGNORE = 4, 255
truths = arrays.arrays(np.int64, (2, 5, 7), elements=st.sampled_from([0, 1, 2, 3, IGNORE]))
predictions = arrays.arrays(np.int64, (2, 5, 7), elements=st.integers(0, C - 1))


def accumulate(truth: np.ndarray, predicted: np.ndarray) -> torch.Tensor:
    metric = MulticlassConfusionMatrix(C, ignore_index=IGNORE, validate_args=False)
    for a, b in zip(predicted, truth, strict=True):
        metric.update(torch.from_numpy(a[None]), torch.from_numpy(b[None]))
    return metric.compute()


@settings(max_examples=50)
@given(truths, predictions)
def test_against_scikit_learn(truth, predicted):
    valid = truth != IGNORE
    confusion = accumulate(truth, predicted)
    assert confusion.dtype == torch.int64
    if not valid.any():
        assert confusion.sum() == 0
        assert math.isnan(scores(confusion).miou)
        assert math.isnan(image_miou(confusion))
        return
    t, p = truth[valid], predicted[valid]
    assert (confusion.numpy() == confusion_matrix(t, p, labels=range(C))).all()
    ours = scores(confusion)
    present = np.union1d(t, p)  # scikit-learn knows no absent class
    average = {"average": None, "labels": present, "zero_division": np.nan}
    assert np.allclose(ours.iou[present], jaccard_score(t, p, average=None, labels=present, zero_division=0))
    assert np.allclose(ours.dice[present], f1_score(t, p, average=None, labels=present, zero_division=0))
    assert np.allclose(ours.precision[present], precision_score(t, p, **average), equal_nan=True)
    assert np.allclose(ours.recall[present], recall_score(t, p, **average), equal_nan=True)
    assert float(ours.pixel_accuracy) == pytest.approx(accuracy_score(t, p))
    assert float(ours.miou) == pytest.approx(
        jaccard_score(t, p, average="macro", labels=present, zero_division=0)
    )
    assert float(image_miou(confusion)) == pytest.approx(float(ours.miou))
    micro = jaccard_score(t, p, average="micro", labels=present, zero_division=0)
    assert float(ours.iou_sum_over_sum) == pytest.approx(micro)
    accuracy = float(ours.pixel_accuracy)
    assert float(ours.iou_sum_over_sum) == pytest.approx(accuracy / (2 - accuracy))
    assert float(ours.frequency_weighted_iou) == pytest.approx(
        jaccard_score(t, p, average="weighted", zero_division=0)
    )


@given(truths, predictions)
def test_against_torchmetrics_jaccard_index(truth, predicted):
    jaccard = MulticlassJaccardIndex(C, average="none", ignore_index=IGNORE, zero_division=float("nan"))
    expected = jaccard(torch.from_numpy(predicted), torch.from_numpy(truth))
    assert torch.allclose(scores(accumulate(truth, predicted)).iou.float(), expected, equal_nan=True)


def test_absent_is_left_out_and_wrongly_predicted_counts_as_zero():
    #            predicted: 0  1  2  3
    confusion = torch.tensor([[8, 2, 0, 0], [1, 9, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    absent = scores(confusion)
    assert absent.iou[2].isnan()
    assert float(absent.miou) == pytest.approx((8 / 11 + 9 / 12) / 2)
    confusion[0, 2] = 1
    invented = scores(confusion)
    assert float(invented.iou[2]) == 0
    assert float(invented.miou) == pytest.approx((8 / 12 + 9 / 12 + 0) / 3)
    assert invented.recall[2].isnan()


def test_counts_beyond_float32_stay_exact():
    large = 2**40 + 1
    confusion = torch.tensor([[large, 1], [0, large]])
    assert float(scores(confusion).iou[0]) == large / (large + 1)
