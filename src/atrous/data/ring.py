"""Memory in which workers hand batches over, used again and again.

A loader of torch makes new shared memory for each batch.  That the kernel finds, clears and maps it page by
page costs about as much processor time as cutting and resizing a crop (benchmarks/input.py); and where
/dev/shm is small, as in containers, it ends a run with a bus error.  Here each worker has a few slots of its
own, which take real memory only as far as they are written.
"""

import math
import mmap
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, get_worker_info

from atrous.data.batch import Batch, Room, Sample, collate

SLOTS = 3  # a worker's: two batches wait, as DataLoader prefetches, and one is being taken
PICTURE_BYTES = 64 * 2**20  # larger ones go torch's way
MOST_BYTES = 2**30  # of a slot
ALIGNED = 64
FREE, TAKEN = 0, 1
NO_RESERVE = 0x4000  # MAP_NORESERVE of Linux, which Python's mmap does not name everywhere

_rings: "weakref.WeakValueDictionary[int, Ring]" = weakref.WeakValueDictionary()
_numbers = count()  # not id(): a batch may outlive its ring, and would free slots of the next one there


class Ring:
    """Slots that workers fill with batches, and that are free again when the main process has taken them.

    It is the collate_fn of a DataLoader whose workers are forked from the process that makes it.
    Raises OSError: so much memory may not even be reserved (ulimit -v, vm.overcommit_memory=2).
    """

    def __init__(self, num_workers: int, batch_size: int) -> None:
        slot_bytes = min(MOST_BYTES, PICTURE_BYTES * batch_size)
        flags = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | NO_RESERVE
        memory = mmap.mmap(-1, num_workers * SLOTS * slot_bytes, flags=flags)
        self._memory = np.frombuffer(memory, np.uint8).reshape(num_workers, SLOTS, slot_bytes)
        self._states = np.frombuffer(mmap.mmap(-1, num_workers * SLOTS), np.uint8).reshape(num_workers, SLOTS)
        self._number = next(_numbers)
        _rings[self._number] = self

    def __call__(self, samples: Sequence[Sample]) -> "Batch | Lent":
        """In a worker: the samples as one batch in a slot; as torch does where none is free or large enough.

        Raises ValueError: as ``collate``.
        """
        worker = get_worker_info()
        assert worker is not None
        tensors = [value for sample in samples for value in sample if isinstance(value, Tensor)]
        num_bytes = sum(tensor.nbytes for tensor in tensors) + 8 * ALIGNED
        free = np.flatnonzero(self._states[worker.id] == FREE)
        if not len(free) or num_bytes > self._memory.shape[-1]:
            return collate(samples)
        memory = torch.from_numpy(self._memory[worker.id, free[0]])
        batch = collate(samples, _rooms_in(memory))
        self._states[worker.id, free[0]] = TAKEN
        contents = {
            name: _Place.of(value, memory) if isinstance(value, Tensor) else value
            for name, value in batch.items()
        }
        return Lent(self._number, worker.id, int(free[0]), contents)

    def take(self, lent: "Lent", pin: bool) -> Batch:
        """The batch as memory of this process's own, pinned or not; its slot is free again."""
        memory = torch.from_numpy(self._memory[lent.worker, lent.slot])
        batch = {
            name: value.copy(memory, pin) if isinstance(value, _Place) else value
            for name, value in lent.contents.items()
        }
        self.free(lent)
        return cast(Batch, batch)

    def free(self, lent: "Lent") -> None:
        """Whatever is in its slot is wanted no more."""
        self._states[lent.worker, lent.slot] = FREE


class _Place(NamedTuple):
    """Where a tensor lies in a slot."""

    offset: int
    num_bytes: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, tensor: Tensor, memory: Tensor) -> "_Place":
        offset = tensor.data_ptr() - memory.data_ptr()
        return cls(offset, tensor.nbytes, tuple(tensor.shape), tensor.stride(), tensor.dtype)

    def copy(self, memory: Tensor, pin: bool) -> Tensor:
        there = memory[self.offset : self.offset + self.num_bytes].view(self.dtype)
        there = there.as_strided(self.shape, self.strides)
        return torch.empty_like(there, pin_memory=pin).copy_(there)


@dataclass
class Lent:
    """A batch that lies in a slot of a ring: what a worker sends.

    contents: of the batch, with places where it has tensors.
    """

    ring: int
    worker: int
    slot: int
    contents: dict[str, Any]
    arrived: bool = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.arrived = True

    def take(self, pin: bool = False) -> Batch:
        """The batch itself, of which the main process is the owner."""
        self.arrived = False
        return _rings[self.ring].take(self, pin)

    def pin_memory(self) -> Batch:
        """Called by a DataLoader's thread."""
        return self.take(pin=True)

    def __del__(self) -> None:
        """Torch drops what was read ahead when an epoch is left early; its slot must not be lost."""
        if self.arrived and self.ring in _rings:
            _rings[self.ring].free(self)


class RingLoader(DataLoader[Sample]):
    """A DataLoader whose collate_fn is a ring: gives batches as any other."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Batches."""
        batches = super().__iter__()
        return (batch.take() if isinstance(batch, Lent) else batch for batch in batches)


def _rooms_in(memory: Tensor) -> Room:
    """Makes tensors one behind the other in uint8 ``memory``."""
    used = 0

    def room(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        nonlocal used
        start, num_bytes = used, math.prod(shape) * dtype.itemsize
        used += -(-num_bytes // ALIGNED) * ALIGNED
        return memory[start : start + num_bytes].view(dtype).view(shape)

    return room
