"""Who sees which sample when: a function of (seed, epoch), the same for any number of workers."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from atrous.data.dataset import SampleKey


class Order(Protocol):
    """The samples of an epoch, over all ranks: a pure function of its arguments."""

    def __call__(self, num_samples: int, seed: int, epoch: int) -> Iterable[SampleKey]:
        """``num_samples`` keys, one after the other: of a million samples they would take much memory."""
        ...


class Shuffled:
    """Every sample once, each epoch in another order."""

    def __init__(self, counts: Callable[[], NDArray[np.int64]] | None = None) -> None:
        del counts

    def __call__(self, num_samples: int, seed: int, epoch: int) -> Iterator[SampleKey]:
        """A permutation."""
        order = np.random.default_rng([seed, epoch]).permutation(num_samples)
        return (SampleKey(epoch, int(index)) for index in order)


class ClassUniform:
    """A part of the samples is drawn by class, so that rare classes are seen as often as others.

    Such a sample is one of the pictures that hold the class, each as likely, and its crop is cut around a
    pixel of it.  The classes that occur are dealt out evenly, to one sample more or less.  The other samples
    are a shuffled part of all; an epoch is as long as without.
    counts: gives int64 (num_pictures, C + 1), as statistics.class_counts.
    share: of the samples that are drawn by class, in [0, 1].
    min_pixels: a picture with fewer pixels of a class is not drawn for it, unless none has as many.
    Source: Zhu et al., "Improving semantic segmentation via video propagation and label relaxation", 2019
    (class uniform sampling).
    """

    def __init__(
        self, counts: Callable[[], NDArray[np.int64]], share: float = 0.5, min_pixels: int = 1
    ) -> None:
        if not 0 <= share <= 1 or min_pixels < 1:
            raise ValueError(
                f"sampling.share={share}, sampling.min_pixels={min_pixels}: expected a share from 0 to 1, "
                "and 1 pixel or more"
            )
        self.share = share
        self.holders = {
            index: np.flatnonzero(pixels >= (min_pixels if pixels.max() >= min_pixels else 1))
            for index, pixels in enumerate(counts()[:, :-1].T)
            if pixels.any()
        }

    def __call__(self, num_samples: int, seed: int, epoch: int) -> Iterator[SampleKey]:
        """The two parts, shuffled together."""
        rng = np.random.default_rng([seed, epoch])
        num_by_class = round(self.share * num_samples)
        plain = rng.permutation(num_samples)[num_by_class:]
        focuses = np.resize(rng.permutation(list(self.holders)), num_by_class)
        by_class = np.array([rng.choice(self.holders[focus]) for focus in focuses], np.int64)
        indices = np.concatenate([plain, by_class])
        order = rng.permutation(num_samples)
        seen = np.zeros(num_samples, np.int64)
        for place in order:
            index, drawn = int(indices[place]), place - len(plain)
            yield SampleKey(epoch, index, int(seen[index]), int(focuses[drawn]) if drawn >= 0 else None)
            seen[index] += 1


class TrainingSampler(Sampler[SampleKey]):
    """An epoch's keys in ``order``, dealt out to the ranks so that none sees a key of another.

    All ranks get the same number of samples, which DDP needs in training: the few left over after dealing
    wait for an epoch whose order puts them first.
    start: the epoch to begin with, and how many of its samples all ranks have had already.
    """

    def __init__(
        self,
        num_samples: int,
        order: Order,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        start: tuple[int, int] = (0, 0),
    ) -> None:
        self.num_samples = num_samples
        self.order = order
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.start = start
        self.epoch = start[0]

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_samples // self.world_size

    def __iter__(self) -> Iterator[SampleKey]:
        keys = self.order(self.num_samples, self.seed, self.epoch)
        epoch, had = self.start
        first = self.rank + (had if self.epoch == epoch else 0)
        return islice(keys, first, len(self) * self.world_size, self.world_size)


class EvaluationSampler(Sampler[SampleKey]):
    """Every sample exactly once over all ranks: nothing repeated to even out the ranks, nothing dropped."""

    def __init__(self, num_samples: int, rank: int = 0, world_size: int = 1) -> None:
        self.indices = range(rank, num_samples, world_size)

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[SampleKey]:
        return (SampleKey(0, index) for index in self.indices)
