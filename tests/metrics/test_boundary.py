import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from atrous.metrics.boundary import any_of, boundary_counts, distance, near_boundaries

C = 3
shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))


def pictures(elements):
    return shapes.flatmap(
        lambda shape: arrays.arrays(np.uint8, (2, *shape), elements=st.sampled_from(elements))
    )


def published_boundary(mask, steps):
    """The pixels of a mask that ``steps`` erosions by a 3x3 square take away; outside is not mask."""
    padded = np.pad(mask, 1)
    eroded = ndimage.binary_erosion(padded, np.ones((3, 3)), iterations=steps)[1:-1, 1:-1]
    return mask & ~eroded


@settings(max_examples=200)
@given(pictures([0, 1, 2, 255]), st.integers(1, 4))
def test_against_the_published_definition_a_mask_at_a_time(pair, steps):
    truth, predicted = pair
    counts = boundary_counts(truth, predicted, C, steps)
    predicted = np.where(truth == 255, 255, predicted)
    for index in range(C):
        true, found = (published_boundary(labels == index, steps) for labels in (truth, predicted))
        assert counts[index].tolist() == [(true & found).sum(), (true | found).sum()]


@given(pictures([0, 1, 2, 255]), st.integers(1, 4))
def test_a_perfect_prediction_has_every_boundary_pixel_right(pair, steps):
    truth, anything = pair
    predicted = np.where(truth == 255, anything, truth)  # what is predicted on ignored pixels is of no matter
    counts = boundary_counts(truth, predicted, C, steps)
    assert (counts[:, 0] == counts[:, 1]).all()


def test_wide_regions_hold_whole_objects():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, C, (2, 9, 9)).astype(np.uint8)
    counts = boundary_counts(truth, predicted, C, 9)
    for index in range(C):
        own, guess = truth == index, predicted == index
        assert counts[index].tolist() == [(own & guess).sum(), (own | guess).sum()]


def test_a_square_by_hand():
    truth = np.zeros((40, 40), np.uint8)
    truth[10:30, 10:30] = 1
    moved = np.roll(truth, 1, axis=1)
    inner, common = 20 * 20 - 16 * 16, 20 * 19  # a ring two pixels wide
    near = (near_boundaries([truth], 2) == 1) & (truth == 1)
    assert near.sum() == inner
    shared, union = boundary_counts(truth, moved, 2, 2)[1]
    assert shared + union == 2 * inner
    assert shared < common  # large areas hide nothing: their inside does not count
    assert shared / union < common / (2 * 400 - common)


@pytest.mark.parametrize(
    ("width", "pixels"), [(0.02, 46), (0.005, 11), (1e-6, 1), (1, 1), (1.0, 1), (7, 7), (0.5, 1145)]
)
def test_width_is_a_share_of_the_diagonal_or_pixels(width, pixels):
    assert distance((1024, 2048), width) == pixels


@pytest.mark.parametrize("width", [0, -1, 2.5])
def test_other_widths_are_refused(width):
    with pytest.raises(
        ValueError, match=f"boundary_width={width}: expected a share of the diagonal, such as"
    ):
        distance((10, 10), width)


def test_at_full_size_it_is_cv2s_erosion_of_each_class():
    rng = np.random.default_rng(1)
    labels = cv2.resize(
        rng.integers(0, 5, (8, 16), dtype=np.uint8), (512, 256), interpolation=cv2.INTER_NEAREST
    )
    near = near_boundaries([np.zeros_like(labels), labels], 11) >= 2
    for index in range(5):
        mask = np.pad((labels == index).astype(np.uint8), 1)
        eroded = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=11)[1:-1, 1:-1]
        assert (near[labels == index] == (eroded[labels == index] == 0)).all()


@given(
    arrays.arrays(np.uint8, shapes, elements=st.integers(0, 255)), st.integers(1, 12), st.sampled_from([0, 1])
)
def test_any_of_neighbours(flags, length, axis):
    length = min(length, flags.shape[axis])
    expected = np.bitwise_or.reduce(sliding_window_view(flags, length, axis), axis=-1)
    assert np.array_equal(any_of(flags, length, axis), expected)
