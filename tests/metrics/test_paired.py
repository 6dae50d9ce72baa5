import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from atrous.metrics.bootstrap import interval, resamples
from atrous.metrics.paired import MIN_PICTURES, confidence, enough

DIFFERENCES = arrays(np.float64, (40,), elements=st.sampled_from([-0.2, -0.1, 0.0, 0.1, np.nan]))


def plain_confidence(values):
    """1 - 2 * (share of the smaller side), ties on both sides by half."""
    known = [value for value in values if value == value]
    if not known:
        return np.nan
    above = sum(1.0 if value > 0 else 0.5 if value == 0 else 0.0 for value in known) / len(known)
    return 1 - 2 * min(above, 1 - above)


@given(DIFFERENCES)
def test_confidence_is_one_less_the_two_sided_share(values):
    assert confidence(values) == pytest.approx(plain_confidence(values), nan_ok=True)
    assert confidence(-values) == pytest.approx(confidence(values), nan_ok=True)


def test_no_difference_gives_no_confidence_and_a_constant_one_gives_all():
    assert confidence(np.zeros(50)) == 0
    assert confidence(np.full(50, 1e-15)) == 0  # rounding is no difference
    assert confidence(np.full(50, -0.01)) == 1
    assert np.isnan(confidence(np.full(50, np.nan)))


def test_every_class_has_its_own():
    values = np.stack([np.full(10, 0.1), np.zeros(10), [np.nan] * 5 + [-1.0] * 5], axis=1)
    assert confidence(values).tolist() == [1, 0, 1]


@given(arrays(np.float64, (200,), elements=st.floats(-1, 1)), st.floats(-1, 1))
def test_confidence_and_interval_agree(noise, shift):
    """Where the 95 % interval excludes 0 the confidence is above 95 %, up to the interval's interpolation."""
    values = noise + shift
    low, high = interval(values)
    if low > 1e-9 or high < -1e-9:
        assert confidence(values) >= 0.95 - 2 / len(values)
    elif low < -1e-9 and high > 1e-9:
        assert confidence(values) <= 0.95 + 2 / len(values)


def test_too_few_pictures_are_those_that_no_sign_test_can_tell_from_chance():
    assert 2 * 0.5**MIN_PICTURES < 0.05 < 2 * 0.5 ** (MIN_PICTURES - 1)
    assert enough(np.array([5, 6])).tolist() == [False, True]


def test_against_the_normal_distribution():
    """The mean of many independent differences is normal: interval and confidence have a closed form."""
    from scipy.stats import norm

    differences = np.random.default_rng(1).normal(0.02, 0.2, 900)
    means = resamples(900, 4000) @ differences / 900
    mean, error = differences.mean(), differences.std() / 30
    assert interval(means) == pytest.approx([mean - 1.96 * error, mean + 1.96 * error], abs=0.1 * error)
    assert confidence(means) == pytest.approx(1 - 2 * norm.cdf(-abs(mean) / error), abs=0.02)
