import pytest
import torch
from torch import nn

from atrous.costs import gmac
from atrous.inference import Inference


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
