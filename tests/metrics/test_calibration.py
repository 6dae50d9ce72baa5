import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torchmetrics.functional.classification import multiclass_calibration_error

from atrous.metrics.calibration import calibration_counts, calibration_error


@given(
    arrays.arrays(np.float32, (6, 7, 3), elements=st.floats(-4, 4, width=32)),
    arrays.arrays(np.int64, (6, 7), elements=st.sampled_from([0, 1, 2, 255])),
)
def test_against_torchmetrics(logits, truth):
    probabilities = torch.from_numpy(logits).softmax(-1)
    confidence, predicted = probabilities.max(-1)
    labelled = truth != 255
    counts = calibration_counts(confidence.numpy(), predicted.numpy() == truth, labelled)
    if not labelled.any():
        assert math.isnan(calibration_error(counts))
        return
    expected = multiclass_calibration_error(
        probabilities[torch.from_numpy(labelled)], torch.from_numpy(truth[labelled]), num_classes=3, n_bins=15
    )
    assert float(calibration_error(counts)) == pytest.approx(float(expected), abs=1e-5)


def test_closed_forms():
    labelled = np.ones((10, 10), bool)
    correct = np.zeros((10, 10), bool)
    correct[:7] = True
    sure = np.ones((10, 10), np.float32)
    assert calibration_error(calibration_counts(sure, correct, labelled)) == pytest.approx(0.3)
    honest = np.full((10, 10), 0.7, np.float32)
    assert calibration_error(calibration_counts(honest, correct, labelled)) == pytest.approx(0, abs=1e-7)


def test_counts_of_pictures_add_up():
    rng = np.random.default_rng(0)
    confidence, correct = rng.random((2, 20, 20), dtype=np.float32), rng.random((2, 20, 20)) < 0.5
    every = np.ones((20, 20), bool)
    parts = [calibration_counts(confidence[i], correct[i], every) for i in range(2)]
    whole = calibration_counts(confidence.reshape(40, 20), correct.reshape(40, 20), np.ones((40, 20), bool))
    assert np.allclose(sum(parts), whole)
    assert np.allclose(calibration_error(np.stack(parts)), [calibration_error(part) for part in parts])
