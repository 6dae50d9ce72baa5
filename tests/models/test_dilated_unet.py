import pytest
import torch
from torch import nn

from atrous.models.dilated_unet import DilatedDown, DilatedEncoder, DilatedUNet, DilatedUp, dilated_unet


def test_it_is_the_network_that_was_described():
    net = DilatedUNet(num_classes=20)
    convolutions = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert sum(parameter.numel() for parameter in net.parameters()) == 887_840
    assert len(convolutions) == 57
    assert {layer.negative_slope for layer in net.modules() if isinstance(layer, nn.LeakyReLU)} == {0.01}


def test_levels():
    features = DilatedEncoder()(torch.randn(1, 3, 64, 96))
    assert [feature.shape[1:] for feature in features] == [
        (36, 32, 48), (108, 16, 24), (324, 8, 12), (972, 4, 6)
    ]  # fmt: skip


@pytest.mark.parametrize("side", [2, 4, 10, 32])
def test_blocks_halve_and_double_exactly(side):
    images = torch.randn(2, 5, side, side)
    assert DilatedDown(5, 4)(images).shape == (2, 12, side // 2, side // 2)
    assert DilatedUp(5, 4)(images).shape == (2, 12, 2 * side, 2 * side)


@pytest.mark.parametrize("size", [(64, 96), (65, 47), (1, 1)])
def test_any_size(size):
    with torch.inference_mode():
        assert dilated_unet(num_classes=7).eval()(torch.randn(1, 3, *size)).shape == (1, 7, *size)


def test_branches_see_as_far_as_their_rates():
    block = DilatedDown(1, 1).eval()
    reaches = []
    for branch in block.branches:
        image = torch.zeros(1, 1, 32, 32, requires_grad=True)
        branch(image)[0, 0, 8, 8].backward()
        columns = image.grad[0, 0].abs().sum(0).nonzero().flatten()
        reaches.append(int(columns.max() - columns.min()) + 1)
    assert reaches == [7, 7, 4]
