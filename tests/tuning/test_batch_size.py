import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from atrous.commands.tune import tune
from atrous.models.unet_paper import UNetPaper
from atrous.tuning.batch_size import is_of_memory, largest

SMALL = ("find=batch_size", "model=unet_paper", "model.net.width=1")


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_the_largest_that_fits_is_found_in_few_trials(room, most):
    tried = []

    def fits(size):
        tried.append(size)
        return size <= room

    assert largest(fits, 2, most) == (min(room, most) if min(room, most) >= 2 else None)
    assert all(2 <= size <= most for size in tried)
    assert len(tried) == len(set(tried)) <= 2 * math.log2(room + most) + 2


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        RuntimeError("could not create a primitive"),
    ],
)
def test_what_libraries_say_of_too_little_memory(error):
    assert is_of_memory(error)
    assert not is_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_the_command_catches_what_does_not_fit(composed, monkeypatch, capsys):
    forward = UNetPaper.forward

    def of_five(self, images):
        if len(images) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(self, images)

    monkeypatch.setattr(UNetPaper, "forward", of_five)
    tune(composed("tune", *SMALL, "find.memory=100"))
    sizes = ["2 fits", "4 fits", "8 does not fit", "6 does not fit", "5 fits"]
    assert capsys.readouterr().out.splitlines() == [f"data.batch_size={size}" for size in [*sizes, "5"]]


def test_another_error_is_no_answer(composed, monkeypatch):
    monkeypatch.setattr(UNetPaper, "forward", lambda self, images: images.reshape(7))
    with pytest.raises(RuntimeError, match="invalid for input of size"):
        tune(composed("tune", *SMALL, "find.memory=100"))


def test_wrong_input_is_told(composed):
    with pytest.raises(ValueError, match=r"nothing to find.*find\.memory=8"):
        tune(composed("tune", *SMALL))
    with pytest.raises(ValueError, match=r"find\.memory=-1: expected GiB above 0, or null"):
        tune(composed("tune", *SMALL, "find.memory=-1"))


@pytest.mark.slow
def test_a_limit_of_the_processor_s_memory_ends_the_doubling(command):
    """In a process of its own, whose memory is limited."""
    small = ("data.layout.size=64", "data.layout.num_scenes={train: 64, val: 1, test: 1}", "trainer=cpu")
    said = command.succeed(
        "-m",
        "atrous",
        "tune",
        *SMALL,
        *small,
        "data.crop_size=[64,64]",
        "model.net.width=8",
        "find.memory=0.2",
    )
    found = said.splitlines()
    assert found[0] == "data.batch_size=2 fits"
    assert found[-1] in [line.removesuffix(" fits") for line in found if line.endswith(" fits")]
    assert any(line.endswith(" does not fit") for line in found)
