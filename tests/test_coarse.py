import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from atrous.coarse import Coarse, strip
from atrous.models.auxiliary import WithAuxiliaryHead
from atrous.models.padding import AnySize
from atrous.models.torchvision import TorchvisionNet

sides = st.integers(1, 40)


def values(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def in_strips(coarse, step):
    height = coarse.size[0]
    return torch.cat([coarse.rows(top, min(height, top + step)) for top in range(0, height, step)], -2)


@given(sides, sides, st.sampled_from([1, 2, 4, 8, 16]), st.integers(1, 64), st.data())
def test_rows_are_those_of_the_whole(height, width, factor, step, data):
    """To the last digits: strips interpolate down, then across; the whole goes the other way."""
    padded = (height * factor, width * factor)
    size = tuple(data.draw(st.integers(1, side)) for side in padded)
    coarse = Coarse(values(2, 3, height, width), padded, size)
    assert coarse.whole().shape == (2, 3, *size)
    assert torch.allclose(in_strips(coarse, step), coarse.whole(), atol=1e-6)


@given(sides, sides, sides, sides, st.integers(1, 40))
def test_rows_are_those_of_the_whole_at_any_ratio(height, width, tall, wide, step):
    coarse = Coarse(values(1, 2, height, width).double(), (tall, wide), (tall, wide))
    assert torch.allclose(in_strips(coarse, step), coarse.whole(), atol=1e-12)


@given(sides, sides, sides, sides)
def test_where_a_strip_begins_never_shows(height, width, tall, wide):
    coarse = Coarse(values(1, 2, height, width), (tall, wide), (tall, wide))
    whole = in_strips(coarse, tall)
    assert all(torch.equal(in_strips(coarse, step), whole) for step in (1, 3))


def test_only_the_rows_that_are_needed_are_read():
    read = []

    def rows(first, last):
        read.append((first, last))
        return torch.zeros(1, 1, last - first, 8)

    strip(rows, 256, (1024, 32), 512, 544)
    assert read == [(126, 138)]


def test_what_is_no_interpolation_is_done_after_it():
    coarse = Coarse(values(1, 4, 8, 8), (32, 32), (30, 31), lambda some: some.sigmoid()[:, :2])
    assert torch.allclose(in_strips(coarse, 7), coarse.whole(), atol=1e-6)
    assert coarse.whole().shape == (1, 2, 30, 31)
    assert coarse.whole().min() >= 0


class Encoder(nn.Module):
    def forward(self, images):
        return {"out": images[..., ::4, ::4]}


@pytest.mark.parametrize("size", [(64, 32), (37, 50)])
def test_networks_leave_their_last_upsampling_out(size):
    small = nn.Conv2d(3, 5, 3, stride=4, padding=1)
    images = values(2, 3, *size)
    for net in (
        AnySize(small, 32),
        WithAuxiliaryHead(AnySize(small, 32), 8, 5, 0.4).eval(),
        TorchvisionNet(Encoder(), nn.Conv2d(3, 5, 1)),
    ):
        coarse = net.coarse(images)
        assert coarse.values.shape[-1] < size[1]
        assert coarse.size == size
        assert torch.equal(coarse.whole(), net(images))
