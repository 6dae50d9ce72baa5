import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torchmetrics.classification import MulticlassJaccardIndex

from atrous.metrics.confusion import confusion_matrix
from atrous.metrics.jaccard import JaccardOfCounts

OPTIONS = {"average": "none", "ignore_index": 255, "zero_division": math.nan, "validate_args": False}
pixels = st.tuples(
    arrays.arrays(np.uint8, (4, 5), elements=st.sampled_from([0, 1, 2, 255])),
    arrays.arrays(np.uint8, (4, 5), elements=st.integers(0, 2)),
)


def both(batches):
    theirs, ours = MulticlassJaccardIndex(3, **OPTIONS), JaccardOfCounts(3, **OPTIONS)
    for truth, predicted in batches:
        theirs.update(torch.from_numpy(predicted).int(), torch.from_numpy(truth).int())
        ours.update(torch.from_numpy(confusion_matrix(truth, predicted, 3)))
    return theirs, ours


@given(st.lists(pixels, min_size=1, max_size=4))
def test_it_is_torchmetrics_own_over_the_same_pixels(batches):
    theirs, ours = both(batches)
    assert torch.equal(ours.confmat, theirs.confmat)
    assert torch.equal(ours.compute().nan_to_num(-1), theirs.compute().nan_to_num(-1))
    ours.reset()
    assert ours.confmat.sum() == 0


def device(rank, address, queue):
    torch.distributed.init_process_group("gloo", f"file://{address}", rank=rank, world_size=2)
    rng = np.random.default_rng(rank)
    batches = [
        (rng.choice([0, 1, 2, 255], (6, 7)).astype(np.uint8), rng.integers(0, 3, (6, 7)).astype(np.uint8))
        for _ in range(1 + rank)
    ]
    theirs, ours = both(batches)
    queue.put((rank, theirs.compute().tolist(), ours.compute().tolist(), ours.confmat.sum().item()))
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_devices_are_summed(tmp_path):
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=device, args=(rank, tmp_path / "meet", queue)) for rank in range(2)]
    for process in processes:
        process.start()
    found = [queue.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    for _, theirs, ours, _ in found:
        assert ours == theirs
    assert found[0][2] == found[1][2]
