from hypothesis import given
from hypothesis import strategies as st

from atrous.data.sampler import EvaluationSampler, ShuffledSampler

sizes = st.integers(1, 200)
worlds = st.integers(1, 8)


@given(sizes, worlds)
def test_evaluation_sees_everything_exactly_once(num_samples, world_size):
    samplers = [EvaluationSampler(num_samples, rank, world_size) for rank in range(world_size)]
    seen = [key.index for sampler in samplers for key in sampler]
    assert sorted(seen) == list(range(num_samples))
    assert [len(list(sampler)) for sampler in samplers] == [len(sampler) for sampler in samplers]


@given(sizes, worlds, st.integers(0, 100))
def test_training_deals_out_without_repeats_and_evenly(num_samples, world_size, epoch):
    samplers = [ShuffledSampler(num_samples, 0, rank, world_size) for rank in range(world_size)]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    dealt = [list(sampler) for sampler in samplers]
    assert {len(keys) for keys in dealt} == {len(samplers[0])} == {num_samples // world_size}
    seen = [key.index for keys in dealt for key in keys]
    assert len(seen) == len(set(seen))
    assert all(key.epoch == epoch for keys in dealt for key in keys)


def test_the_order_is_a_function_of_seed_and_epoch():
    def order(seed, epoch):
        sampler = ShuffledSampler(50, seed)
        sampler.set_epoch(epoch)
        return [key.index for key in sampler]

    assert order(1, 2) == order(1, 2)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_the_order_does_not_depend_on_the_number_of_devices():
    alone = [key.index for key in ShuffledSampler(48, 5)]
    ranks = [[key.index for key in ShuffledSampler(48, 5, rank, 4)] for rank in range(4)]
    assert [index for step in zip(*ranks, strict=True) for index in step] == alone
