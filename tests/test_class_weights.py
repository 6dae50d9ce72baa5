import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atrous.class_weights import effective_number, inverse_log, median_frequency
from atrous.data.layouts.camvid import CamVid
from atrous.data.statistics import class_counts

FORMULAS = [median_frequency, inverse_log, effective_number]
# Two pictures of 100 and 200 pixels; class 2 is only in the second, class 3 in none.
COUNTS = np.array([[60, 30, 0, 0, 10], [100, 50, 20, 0, 30]])


def test_median_frequency_is_its_formula():
    frequency = np.array([160 / 300, 80 / 300, 20 / 200])
    assert median_frequency(COUNTS) == pytest.approx([*(80 / 300 / frequency), 0])


def test_median_frequency_of_the_real_camvid(real_data, tmp_path):
    layout = CamVid(real_data / "camvid")
    counts = class_counts(
        layout.pairs("train"), layout.labels, layout.label_format, tmp_path, tell=lambda line: None
    )
    assert counts.sum() == 367 * 360 * 480
    published = [0.279, 0.202, 4.79, 0.149, 1.00, 0.422, 3.85, 1.97, 0.789, 6.37, 8.86]
    assert median_frequency(counts) == pytest.approx(published, rel=0.002)


def test_inverse_log_is_its_formula():
    share = np.array([160, 80, 20]) / 260
    assert inverse_log(COUNTS) == pytest.approx([*(1 / np.log(1.02 + share)), 0])


def test_effective_number_is_its_formula_and_lies_between_none_and_inverse_frequency():
    expected = np.array([(1 - 0.99) / (1 - 0.99**n) for n in (160, 80, 20)])
    assert effective_number(COUNTS, beta=0.99) == pytest.approx([*(expected / expected.mean()), 0])
    inverse = 1 / np.array([160, 80, 20])
    near_one = effective_number(COUNTS, beta=1 - 1e-9)
    assert near_one[:3] == pytest.approx(inverse / inverse.mean(), rel=1e-5)
    assert effective_number(COUNTS, beta=1e-6)[:3] == pytest.approx([1, 1, 1])


@given(arrays.arrays(np.int64, (3, 5), elements=st.integers(0, 10**10)), st.data())
def test_weights_are_numbers_and_a_rarer_class_never_weighs_less(counts, data):
    counts[0, 0] += 1  # some pixel is labelled
    total = counts[:, :-1].sum(0)
    for formula in FORMULAS:
        weights = formula(counts)
        assert weights.shape == (4,)
        assert np.isfinite(weights).all()
        assert ((weights > 0) == (total > 0)).all()
    for formula in (inverse_log, effective_number):
        weights = formula(counts)
        order = np.argsort(total[total > 0])
        assert (np.diff(weights[total > 0][order]) <= 1e-12).all()


@pytest.mark.parametrize(
    ("formula", "options", "message"),
    [
        (inverse_log, {"offset": 1}, r"class_weights.formula.offset=1: expected more than 1"),
        (effective_number, {"beta": 1}, r"class_weights.formula.beta=1: expected a number between 0 and 1"),
    ],
)
def test_numbers_that_make_no_formula_are_refused(formula, options, message):
    with pytest.raises(ValueError, match=message):
        formula(COUNTS, **options)
