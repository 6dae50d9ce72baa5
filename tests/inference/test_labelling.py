import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atrous.inference import labelling


def of_logits(logits):
    num, _, height, width = logits.shape
    rows = lambda top, bottom: logits[..., top:bottom, :]  # noqa: E731
    return labelling.of_logits(rows, (num, height, width), 4, logits.device)


@given(arrays.arrays("float32", (2, 5, 3, 4), elements=st.sampled_from([-1e30, -2.0, 0.0, 0.5, 3.0, 1e30])))
def test_the_label_is_the_first_of_the_largest_scores(drawn):
    logits = torch.from_numpy(drawn)
    labels, confidence = of_logits(logits)
    assert torch.equal(labels.long(), logits.max(1)[1])
    assert torch.allclose(confidence, logits.softmax(1).amax(1))
    labels, confidence = labelling.of_probabilities(logits.softmax(1))
    assert torch.equal(labels.long(), logits.softmax(1).max(1)[1])


def test_as_many_classes_as_a_byte_holds():
    logits = torch.eye(254)[None, :, :, None]
    assert of_logits(logits).labels[0, :, 0].tolist() == list(range(254))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_scores_that_are_not_finite_are_told(value):
    logits = torch.zeros(1, 3, 2, 2)
    logits[0, :, 1, 1] = value
    with pytest.raises(ValueError, match="not finite"):
        of_logits(logits)
    with pytest.raises(ValueError, match="not finite"):
        labelling.of_probabilities(logits.softmax(1))
