"""Who sees which sample when: a function of (seed, epoch), the same for any number of workers."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from atrous.data.dataset import SampleKey


class ShuffledSampler(Sampler[SampleKey]):
    """Each epoch in another order, dealt out to the ranks so that none sees a sample of another.

    All ranks get the same number of samples, which DDP needs in training: the few left over after dealing
    wait for an epoch whose order puts them first.
    """

    def __init__(self, num_samples: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        self.num_samples = num_samples
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_samples // self.world_size

    def __iter__(self) -> Iterator[SampleKey]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.num_samples)
        mine = order[self.rank :: self.world_size][: len(self)]
        return (SampleKey(self.epoch, int(index)) for index in mine)


class EvaluationSampler(Sampler[SampleKey]):
    """Every sample exactly once over all ranks: nothing repeated to even out the ranks, nothing dropped."""

    def __init__(self, num_samples: int, rank: int = 0, world_size: int = 1) -> None:
        self.indices = range(rank, num_samples, world_size)

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[SampleKey]:
        return (SampleKey(0, index) for index in self.indices)
