import threading

import numpy as np
import pytest
import torch

from atrous.data.layouts.cityscapes import LABEL_SETS
from atrous.metrics.counting import Counting
from atrous.metrics.counts import count_picture

LABELS = LABEL_SETS[19]


def drawn(num, with_objects):
    rng = np.random.default_rng(num)
    truth = rng.choice([0, 11, 13, 255], (num, 40, 50)).astype(np.uint8)
    predicted = rng.integers(0, 19, truth.shape).astype(np.uint8)
    confidence = rng.random(truth.shape, dtype=np.float32)
    objects = np.where(truth == 13, 13 + 256, 0).astype(np.int32) if with_objects else None
    return truth, predicted, confidence, objects


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("with_objects", [False, True])
def test_counts_are_those_of_counting_in_turn(with_objects):
    counting, expected = Counting(LABELS, 0.02), []
    for first, num in ((0, 1), (1, 5), (6, 3)):
        arrays, names = drawn(num, with_objects), [f"{9 - first - row}" for row in range(num)]
        counting.add(names, *(None if each is None else torch.from_numpy(each) for each in arrays))
        for row, name in enumerate(names):
            truth, predicted, confidence, objects = (None if each is None else each[row] for each in arrays)
            expected.append(count_picture(name, truth, predicted, LABELS, 0.02, confidence, objects))
    found = counting.finish()
    assert [each.name for each in found] == [each.name for each in expected]  # in order
    for one, other in zip(found, expected, strict=True):
        assert_equal(one, other)


def test_what_goes_wrong_is_told_with_the_picture():
    threads = threading.active_count()
    counting = Counting(LABELS, 0.02)
    arrays = [torch.from_numpy(each) for each in drawn(2, with_objects=True)]
    arrays[3][1, 0, 0] = 256 + 1  # an object of a class that has none
    counting.add(["fine", "odd"], *arrays)
    with pytest.raises(KeyError) as told:
        counting.finish()
    assert told.value.__notes__ == ["picture 'odd'"]
    assert threading.active_count() == threads
