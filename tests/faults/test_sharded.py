"""trainer=fsdp trains as trainer=ddp, and a run of either goes on as the other."""

import shutil

import pytest
import torch
from fault_runs import state, values

from atrous import checkpoint


def close(one, other):
    """Raises AssertionError: two runs differ by more than the order of sums explains."""
    assert one.keys() == other.keys()
    for name, weights in one["state_dict"].items():
        torch.testing.assert_close(weights, other["state_dict"][name], rtol=1e-4, atol=1e-5, msg=name)
    (left,), (right,) = one["optimizer_states"], other["optimizer_states"]
    assert left["state"].keys() == right["state"].keys()
    for number, moments in left["state"].items():
        assert moments.keys() == right["state"][number].keys()
        for name, value in moments.items():
            alike = right["state"][number][name]
            assert is_channels_last(value) == is_channels_last(alike)  # fused optimizers rely on it
            torch.testing.assert_close(value, alike, rtol=1e-3, atol=1e-6)
    assert left["param_groups"] == right["param_groups"]
    assert one["loops"] == other["loops"]


def is_channels_last(value):
    return value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("begun", "gone_on"), [("ddp", "fsdp"), pytest.param("fsdp", "ddp", marks=pytest.mark.faults)]
)
def test_a_run_goes_on_as_the_other(begun, gone_on, trainings):
    """The processes have 3 and 2 pictures to validate."""
    whole, folder = trainings.folder / "whole", trainings.folder / "gone_on"
    for rank in trainings.two("hydra.run.dir=whole", trainer=begun):
        assert rank.code == 0, rank.said
    shutil.copytree(whole, folder)
    (folder / "previous.ckpt").rename(folder / "last.ckpt")
    assert checkpoint.read(folder / "last.ckpt").step == 6
    for rank in trainings.two("hydra.run.dir=gone_on", "resume=auto", trainer=gone_on):
        assert rank.code == 0, rank.said
    close(state(whole), state(folder))
    for one, other in zip(values(whole), values(folder), strict=True):
        assert one == pytest.approx(other, rel=1e-3, nan_ok=True)
