import pytest
import torch
from torch import nn

from atrous.models.unet_paper import UNetPaper, unet_paper


def paper_parameters(num_classes: int) -> int:
    """Weights and biases, read off figure 1 of the paper, for RGB pictures."""
    sides = [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
    down = sum(9 * below * here + here + 9 * here * here + here for below, here in sides)
    up = sum(
        4 * 2 * here * here + here + 9 * 2 * here * here + here + 9 * here * here + here
        for here in (512, 256, 128, 64)
    )
    return down + up + 64 * num_classes + num_classes


def test_it_is_the_network_of_the_paper():
    net = UNetPaper(num_classes=21)
    convolutions = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(convolutions) == 23
    assert sum(parameter.numel() for parameter in net.parameters()) == paper_parameters(21)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())


def test_batch_norm_follows_each_3x3_convolution():
    net = UNetPaper(num_classes=3, width=4, batch_norm=True)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in net.modules()) == 18


@pytest.mark.parametrize("size", [(64, 96), (65, 47), (1, 1)])
def test_any_size(size):
    with torch.inference_mode():
        assert unet_paper(num_classes=7, width=4).eval()(torch.randn(1, 3, *size)).shape == (1, 7, *size)


def test_skipped_features_are_joined_at_their_level():
    """With its deepest level silenced the network still answers to the picture: through the skips."""
    net = UNetPaper(num_classes=2, width=4)
    for parameter in net.encoder[-1].parameters():
        nn.init.zeros_(parameter)
    one, other = net(torch.randn(1, 3, 32, 32)), net(torch.randn(1, 3, 32, 32))
    assert not torch.equal(one, other)
