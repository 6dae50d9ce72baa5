import gc
import os

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from atrous.data import ring as module
from atrous.data.batch import Sample, collate
from atrous.data.ring import Ring, RingLoader


class Numbered(Dataset):
    """Samples whose pixels are a function of their index; the sample ``broken`` cannot be read."""

    def __init__(self, num_samples, broken=None):
        self.num_samples, self.broken = num_samples, broken

    def __len__(self):
        return self.num_samples

    def __getitem__(self, index):
        if index == self.broken:
            raise ValueError(f"{index}.png: cannot be read")
        rng = np.random.default_rng(index)
        image = torch.from_numpy(rng.integers(0, 256, (6, 5 + index // 12, 3)).astype(np.uint8))
        labels = torch.from_numpy(rng.integers(0, 4, image.shape[:2]).astype(np.uint8))
        objects = labels.int() * 256 if index < 6 else None
        return Sample(image.permute(2, 0, 1), labels, str(index), objects, torch.rand(3) * 0 + index)


def loader(dataset, num_workers=2, batch_size=3):
    ring = Ring(num_workers, batch_size)
    return RingLoader(
        dataset,
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=ring,
        persistent_workers=True,
        multiprocessing_context="fork",
    )


def same(batch, other):
    tensors = ("images", "labels", "objects", "colors")
    equal = all(
        (batch[name] is None and other[name] is None) or torch.equal(batch[name], other[name])
        for name in tensors
    )
    return equal and batch["names"] == other["names"]


def test_batches_are_those_of_a_plain_loader():
    dataset = Numbered(24)
    expected = [collate([dataset[index] for index in range(start, start + 3)]) for start in range(0, 24, 3)]
    own = loader(dataset)
    for _ in range(3):
        batches = list(own)  # all are held at once: no slot may be written over
        assert all(same(batch, other) for batch, other in zip(batches, expected, strict=True))
    assert batches[0]["images"].is_contiguous(memory_format=torch.channels_last)
    assert batches[0]["objects"].dtype == torch.int32
    assert (own.collate_fn._states == module.FREE).all()


def test_slots_are_used_again_and_torch_helps_out(monkeypatch):
    """Without a free slot, or with too large a picture, a batch goes torch's way: nothing waits for ever."""
    dataset = Numbered(24)
    own = loader(dataset, 1)
    own.collate_fn._states[0, :] = module.TAKEN
    assert len(list(own)) == 8
    assert (own.collate_fn._states == module.TAKEN).all()
    monkeypatch.setattr(module, "PICTURE_BYTES", 300)
    small = loader(dataset, 1)
    assert [batch["names"] for batch in small] == [batch["names"] for batch in own]


def test_an_epoch_that_is_left_early_loses_no_slots():
    own = loader(Numbered(120), 2)
    for _ in range(8):
        batches = iter(own)
        next(batches)
        next(batches)
    assert len(list(own)) == 40
    assert (own.collate_fn._states == module.FREE).all()


def test_errors_of_workers_arrive_as_they_are():
    for own, said in (
        (loader(Numbered(24, broken=4)), r"4\.png: cannot be read"),
        (loader(Numbered(24), batch_size=5), r"do not fit one batch"),
    ):
        with pytest.raises(ValueError, match=said):
            list(own)
        own._iterator._shutdown_workers()  # else the garbage collector waits 5 seconds for each


def test_memory_is_taken_only_as_far_as_it_is_written():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    rings = [Ring(4, 16) for _ in range(4)]
    assert sum(ring._memory.nbytes for ring in rings) > 40 * 2**30
    assert resident() - before < 2**26


def test_a_batch_that_outlives_its_ring_frees_no_slot_of_another():
    own = loader(Numbered(24), 1)
    lent = next(DataLoader.__iter__(own))
    state = dict(vars(lent))
    gc.freeze()  # what other tests have left is not looked through
    del own, lent
    gc.collect()
    gc.unfreeze()
    rings = [Ring(1, 3) for _ in range(20)]  # one may lie where the dead one lay
    for ring in rings:
        ring._states[:] = module.TAKEN
        assert ring._number != state["ring"]
    late = object.__new__(module.Lent)
    late.__setstate__(state)
    del late
    assert all((ring._states == module.TAKEN).all() for ring in rings)
