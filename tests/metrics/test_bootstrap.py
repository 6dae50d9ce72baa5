import math

import numpy as np
import pytest
from scipy import stats

from atrous.metrics.bootstrap import interval, resamples


def test_resamples_are_drawn_with_replacement_and_alike_each_time():
    weights = resamples(50, 2000)
    assert weights.shape == (2000, 50)
    assert (weights.sum(1) == 50).all()
    assert (weights == resamples(50, 2000)).all()
    assert (weights != resamples(50, 2000, seed=1)).any()
    # each picture's count is binomial(50, 1/50)
    assert weights.mean() == pytest.approx(1)
    assert weights.var() == pytest.approx(1 - 1 / 50, rel=0.05)


def test_the_interval_of_a_mean_is_the_normal_one():
    values = np.random.default_rng(0).normal(10, 3, 400)
    means = resamples(400, 4000) @ values / 400
    expected = stats.norm.interval(0.95, values.mean(), values.std() / math.sqrt(400))
    assert interval(means) == pytest.approx(np.array(expected), abs=0.03)


def test_it_covers_the_truth_in_about_95_of_100_data_sets():
    rng = np.random.default_rng(0)
    weights, covered = resamples(100, 400), 0
    for _ in range(400):
        low, high = interval(weights @ rng.normal(0, 1, 100) / 100)
        covered += low <= 0 <= high
    assert 0.91 <= covered / 400 <= 0.98


def test_resamples_without_a_class_are_left_out():
    values = np.array([[0.1, math.nan, math.nan], [0.2, 0.5, math.nan], [0.3, 0.7, math.nan]])
    low, high = interval(values)
    assert low[0] < 0.15
    assert (low[1], high[1]) == pytest.approx((0.505, 0.695))
    assert np.isnan([low[2], high[2]]).all()
