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
from torchmetrics.classification import MulticlassJaccardIndex

from atrous.metrics import confusion as ours

C, IGNORE = 4, 255
truths = arrays.arrays(np.uint8, (5, 7), elements=st.sampled_from([0, 1, 2, 3, IGNORE]))
predictions = arrays.arrays(np.uint8, (5, 7), elements=st.integers(0, C - 1))
with_no_class = arrays.arrays(np.uint8, (5, 7), elements=st.sampled_from([0, 1, 2, 3, 4, 77, IGNORE]))


@settings(max_examples=50)
@given(truths, predictions)
def test_against_scikit_learn(truth, predicted):
    confusion = ours.confusion_matrix(truth, predicted, C)
    assert confusion.dtype == np.int64
    assert confusion.sum() == truth.size
    by_class, means = ours.class_scores(confusion), ours.mean_scores(confusion)
    valid = truth != IGNORE
    if not valid.any():
        assert all(math.isnan(value) for value in means.values())
        return
    t, p = truth[valid], predicted[valid]
    assert (confusion[:C, :C] == confusion_matrix(t, p, labels=range(C))).all()
    present = np.union1d(t, p)  # scikit-learn knows no absent class
    average = {"average": None, "labels": present, "zero_division": np.nan}
    jaccard = jaccard_score(t, p, average=None, labels=present, zero_division=0)
    assert np.allclose(by_class["iou"][present], jaccard)
    f1 = f1_score(t, p, average=None, labels=present, zero_division=0)
    assert np.allclose(by_class["dice"][present], f1)
    assert np.allclose(by_class["precision"][present], precision_score(t, p, **average), equal_nan=True)
    assert np.allclose(by_class["recall"][present], recall_score(t, p, **average), equal_nan=True)
    assert means["pixel_accuracy"] == pytest.approx(accuracy_score(t, p))
    macro, micro, weighted = (
        jaccard_score(t, p, average=average, labels=present, zero_division=0)
        for average in ("macro", "micro", "weighted")
    )
    assert means["miou"] == pytest.approx(macro)
    assert means["iou_sum_over_sum"] == pytest.approx(micro)
    assert means["frequency_weighted_iou"] == pytest.approx(weighted)
    accuracy = means["pixel_accuracy"]
    assert means["iou_sum_over_sum"] == pytest.approx(accuracy / (2 - accuracy))


@given(truths, predictions)
def test_against_torchmetrics_jaccard_index(truth, predicted):
    jaccard = MulticlassJaccardIndex(C, average="none", ignore_index=IGNORE, zero_division=float("nan"))
    expected = jaccard(torch.from_numpy(predicted.astype(int)), torch.from_numpy(truth.astype(int)))
    iou = ours.class_scores(ours.confusion_matrix(truth, predicted, C))["iou"]
    assert np.allclose(iou, expected.numpy(), equal_nan=True)


@given(truths, with_no_class)
def test_a_prediction_that_is_no_class_is_a_miss(truth, predicted):
    """The same as if it were the prediction of a class that truth never has, left out of the means."""
    confusion = ours.confusion_matrix(truth, predicted, C)
    labelled = truth != IGNORE
    assert confusion[:C, C].sum() == (predicted[labelled] >= C).sum()
    assert confusion[:C].sum() == labelled.sum()
    other = np.where(predicted >= C, C, predicted)
    extra = ours.class_scores(ours.confusion_matrix(truth, other, C + 1))
    found = ours.class_scores(confusion)
    for name in ("iou", "dice", "precision", "recall"):
        assert np.allclose(found[name], extra[name][:C], equal_nan=True)


@given(st.lists(st.tuples(truths, with_no_class), min_size=1, max_size=4))
def test_many_matrices_at_once_are_each_alone(pictures):
    many = np.stack([ours.confusion_matrix(truth, predicted, C) for truth, predicted in pictures])
    for function in (ours.class_scores, ours.mean_scores, ours.void_definitions):
        together = function(many)
        for index, one in enumerate(many):
            for name, values in function(one).items():
                assert np.allclose(together[name][index], values, equal_nan=True)


def test_absent_is_left_out_and_wrongly_predicted_counts_as_zero():
    #   predicted: 0  1  2  3  no class
    confusion = np.array([[8, 2, 0, 0, 0], [1, 9, 0, 0, 0], [0] * 5, [0] * 5, [5, 0, 0, 0, 0]])
    absent = ours.class_scores(confusion)["iou"]
    assert np.isnan(absent[2])
    assert ours.mean_scores(confusion)["miou"] == pytest.approx((8 / 11 + 9 / 12) / 2)
    confusion[0, 2] = 1
    invented = ours.class_scores(confusion)
    assert invented["iou"][2] == 0
    assert ours.mean_scores(confusion)["miou"] == pytest.approx((8 / 12 + 9 / 12 + 0) / 3)
    assert np.isnan(invented["recall"][2])


def test_counts_beyond_float32_stay_exact():
    large = 2**40 + 1
    confusion = np.array([[large, 1, 0], [0, large, 0], [0, 0, 0]])
    assert ours.class_scores(confusion)["iou"][0] == large / (large + 1)


@given(truths, predictions)
def test_void_counts_only_in_the_definitions_that_say_so(truth, predicted):
    confusion = ours.confusion_matrix(truth, predicted, C)
    iou = []
    for index in range(C):  # in words: the union takes in what is predicted on unlabelled pixels
        own, guess = truth == index, predicted == index
        if (own | guess).any():
            iou.append((own & guess).sum() / (own | guess).sum())
    values = ours.void_definitions(confusion)
    assert values["miou_void_as_errors"] == pytest.approx(np.mean(iou))
    void = [0.0] if (truth == IGNORE).any() else []
    assert values["miou_void_as_class"] == pytest.approx(np.mean(iou + void))


@given(truths, with_no_class, st.permutations(range(C)), st.integers(1, C))
def test_groups_are_classes_of_merged_labels(truth, predicted, order, cut):
    """Merging the matrix is merging the pictures."""
    groups = [group for group in (list(order[:cut]), list(order[cut:])) if group]
    table = np.full(256, 255, np.uint8)
    for index, group in enumerate(groups):
        table[group] = index
    merged = ours.merged(ours.confusion_matrix(truth, predicted, C), groups)
    assert (merged == ours.confusion_matrix(table[truth], table[predicted], len(groups))).all()


@given(arrays.arrays(np.uint8, (3, 5, 6), elements=st.sampled_from([0, 1, 2, 3, 200, 255])))
def test_parts_of_a_picture_are_counted_each(drawn):
    """Also where pixels are counted a few at once."""
    truth, predicted, parts = drawn[0], drawn[1], drawn[2] % 4
    found = ours.confusion_matrices(truth, predicted, parts, 3, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "CHUNK", 7)
        assert np.array_equal(ours.confusion_matrices(truth, predicted, parts, 3, 4), found)
    for part in range(4):
        own = ours.confusion_matrix(truth[parts == part], predicted[parts == part], 3)
        assert np.array_equal(found[part], own)
