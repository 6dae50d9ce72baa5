from functools import partial

import pytest
import torch
from torch import nn

from atrous.footprint import gmac, parts, state_per_weight
from atrous.inference import Inference
from atrous.models.unet_paper import unet_paper
from atrous.optim import grouped


def test_multiply_accumulates_of_a_convolution():
    """Each output value takes as many as its window has inputs."""
    assert gmac(nn.Conv2d(3, 8, 3, padding=1), (10, 20)) == pytest.approx(10 * 20 * 8 * 3 * 9 / 1e9)
    grouped = nn.Conv2d(3, 6, 5, stride=2, padding=2, groups=3)
    assert gmac(grouped, (10, 20)) == pytest.approx(5 * 10 * 6 * 1 * 25 / 1e9)


def test_a_network_that_cannot_be_counted_costs_nothing_else():
    class Net(nn.Module):
        def forward(self, images):
            assert images.shape[-1] == 7, "no other size"
            return images

    with pytest.warns(UserWarning, match="multiply-accumulates cannot be counted"):
        assert gmac(Net(), (8, 8)) is None


@torch.inference_mode()
@pytest.mark.parametrize(
    "inference",
    [Inference(), Inference((0.5, 1.5), True), Inference((1.0, 2.0), window=(8, 6), stride=(4, 4))],
)
def test_what_the_network_sees_is_what_is_counted(inference):
    inputs = []

    class Net(nn.Module):
        def forward(self, images):
            inputs.extend([tuple(images.shape[-2:])] * len(images))
            return images

    inference(Net(), torch.zeros(1, 3, 12, 14))
    counted = inference.seen((12, 14))
    assert sorted(inputs) == sorted(counted.elements())


class Body(nn.Module):
    """Two parts and a weight of its own, as a wrapped network has them."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.decoder = nn.Conv2d(8, 5, 1).requires_grad_(False)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return self.scale * self.decoder(self.encoder(images))


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Body()
        self.head = nn.Conv2d(8, 5, 1, bias=False)  # in training alone

    def forward(self, images):
        return self.net(images), self.head(self.net.encoder(images)) if self.training else None


def test_the_parts_make_the_whole():
    net = Wrapped()
    found = {part.name: part for part in parts(net, (10, 20))}
    assert list(found) == ["encoder", "decoder", "head", "others"]
    assert [part.num_parameters for part in found.values()] == [216 + 16, 45, 40, 1]
    assert [part.num_trainable for part in found.values()] == [216 + 16, 0, 40, 1]
    assert sum(part.num_parameters for part in found.values()) == sum(
        each.numel() for each in net.parameters()
    )
    # the encoder is run twice
    costs = [2 * 200 * 8 * 27, 200 * 8 * 5, 200 * 8 * 5, 0]
    assert [part.gmac for part in found.values()] == pytest.approx([cost / 1e9 for cost in costs])


@pytest.mark.parametrize(
    ("algorithm", "num_bytes"),
    [(torch.optim.SGD, 0), (partial(torch.optim.SGD, momentum=0.9), 4), (torch.optim.AdamW, 8)],
)
def test_what_an_optimizer_keeps(algorithm, num_bytes):
    """Beside what it says without a step of its own weights."""
    net = nn.Conv2d(3, 8, 3)
    optimizer, before = grouped(net, algorithm, lr=0.1), [each.clone() for each in net.parameters()]
    assert state_per_weight(optimizer) == num_bytes
    assert len(optimizer.state) == 0
    assert all(torch.equal(one, other) for one, other in zip(net.parameters(), before, strict=True))


def test_the_parts_of_a_network_of_lists_make_the_whole():
    net = unet_paper(5, width=4)
    found = parts(net, (32, 64))
    assert all(part.gmac for part in found)
    assert sum(part.gmac for part in found) == pytest.approx(gmac(net, (32, 64)))
