from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.data.dataset import SampleKey
from atrous.data.sampler import ClassUniform, EvaluationSampler, Shuffled, TrainingSampler

sizes = st.integers(1, 200)
worlds = st.integers(1, 8)


def holding(num_samples, num_classes=4, seed=0):
    """Counts in which class c is in one of 2^c pictures; the first picture holds all but the last, which none
    does."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 100, (num_samples, num_classes + 1))
    for index in range(num_classes):
        counts[1:, index] *= rng.random(num_samples - 1) < 0.5**index
    counts[:, num_classes - 1] = 0
    return counts


def class_uniform(num_samples, **options):
    return ClassUniform(lambda: holding(num_samples), **options)


def orders(num_samples):
    return [Shuffled(), *(class_uniform(num_samples, share=share) for share in (0.0, 0.3, 1.0))]


@given(sizes, worlds)
def test_evaluation_sees_everything_exactly_once(num_samples, world_size):
    samplers = [EvaluationSampler(num_samples, rank, world_size) for rank in range(world_size)]
    seen = [key.index for sampler in samplers for key in sampler]
    assert sorted(seen) == list(range(num_samples))
    assert [len(list(sampler)) for sampler in samplers] == [len(sampler) for sampler in samplers]


@given(sizes, worlds, st.integers(0, 100))
def test_training_deals_out_without_repeats_and_evenly(num_samples, world_size, epoch):
    for order in orders(num_samples):
        samplers = [TrainingSampler(num_samples, order, 0, rank, world_size) for rank in range(world_size)]
        for sampler in samplers:
            sampler.set_epoch(epoch)
        dealt = [list(sampler) for sampler in samplers]
        assert {len(keys) for keys in dealt} == {len(samplers[0])} == {num_samples // world_size}
        seen = [key for keys in dealt for key in keys]
        assert len(seen) == len(set(seen))
        assert all(key.epoch == epoch for key in seen)


@given(sizes)
def test_shuffled_is_every_sample_once(num_samples):
    keys = list(Shuffled()(num_samples, 0, 0))
    assert sorted(keys, key=lambda key: key.index) == [SampleKey(0, index) for index in range(num_samples)]


@pytest.mark.parametrize("order", [Shuffled(), class_uniform(50)])
def test_the_order_is_a_function_of_seed_and_epoch(order):
    def keys(seed, epoch):
        sampler = TrainingSampler(50, order, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert keys(1, 2) == keys(1, 2)
    every = {tuple(key.index for key in keys(seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(every) == 9


@pytest.mark.parametrize("order", [Shuffled(), class_uniform(48)])
def test_the_order_does_not_depend_on_the_number_of_devices(order):
    alone = list(TrainingSampler(48, order, 5))
    ranks = [list(TrainingSampler(48, order, 5, rank, 4)) for rank in range(4)]
    assert [key for step in zip(*ranks, strict=True) for key in step] == alone


@given(sizes, st.floats(0, 1), st.integers(1, 60), st.integers(0, 100))
def test_a_share_is_drawn_by_class_evenly_from_pictures_that_hold_it(num_samples, share, min_pixels, seed):
    counts = holding(num_samples, seed=seed)
    counts[0, :3] = 60  # whatever min_pixels is
    keys = list(ClassUniform(lambda: counts, share, min_pixels)(num_samples, seed, 0))
    assert len(keys) == num_samples
    focused = [key for key in keys if key.focus is not None]
    assert len(focused) == round(share * num_samples)
    assert all(counts[key.index, key.focus] >= min_pixels for key in focused)
    times = Counter(key.focus for key in focused)
    assert set(times) <= {0, 1, 2}  # class 3 never occurs, and the ignored pixels are no class
    assert max(times[index] for index in range(3)) - min(times[index] for index in range(3)) <= 1
    plain = [key.index for key in keys if key.focus is None]
    assert len(plain) == len(set(plain))


def test_a_class_that_no_picture_has_enough_of_is_drawn_all_the_same():
    counts = np.array([[50, 0, 2, 0], [9, 30, 0, 0], [0, 0, 1, 0]])
    holders = ClassUniform(lambda: counts, min_pixels=10).holders
    assert {index: list(pictures) for index, pictures in holders.items()} == {0: [0], 1: [1], 2: [0, 2]}


def test_the_draws_of_a_picture_in_an_epoch_are_told_apart():
    keys = class_uniform(60, share=1.0)(60, 0, 0)
    draws = {}
    for key in keys:
        draws.setdefault(key.index, []).append(key.draw)
    assert max(len(times) for times in draws.values()) > 1
    assert all(times == list(range(len(times))) for times in draws.values())


def test_pictures_of_rare_classes_are_seen_more_by_the_computed_number():
    """Class 1 is in 2 of 100 pictures, class 0 in all: with half of the samples by class, an epoch sees
    0.5 * 2 + 0.5 * 100 * (1/2 * 1 + 1/2 * 2/100) of class 1."""
    counts = np.zeros((100, 3), np.int64)
    counts[:, 0] = 1
    counts[:2, 1] = 1
    order = ClassUniform(lambda: counts, share=0.5)
    seen = [sum(key.index < 2 for key in order(100, 0, epoch)) for epoch in range(200)]
    assert np.mean(seen) == pytest.approx(0.5 * 2 + 0.5 * 100 * (0.5 + 0.5 * 0.02), abs=0.25)
    assert {sum(key.index < 2 for key in Shuffled()(100, 0, epoch)) for epoch in range(5)} == {2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 1.5}, r"sampling.share=1.5, sampling.min_pixels=1: expected a share from 0 to 1"),
        ({"min_pixels": 0}, r"sampling.min_pixels=0: expected a share from 0 to 1, and 1 pixel or more"),
    ],
)
def test_wrong_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        class_uniform(20, **options)
