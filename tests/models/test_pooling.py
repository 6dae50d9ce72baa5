import pytest
import torch
import torch.nn.functional as F
from torch import nn

from atrous.models.pooling import BinAverage, averaged, replace_pooling


@pytest.mark.parametrize("num_bins", [(1, 1), (2, 2), (3, 3), (6, 6), (2, 5)])
@pytest.mark.parametrize("size", [(6, 6), (7, 11), (23, 16), (3, 2)])
def test_it_is_torch_s_pooling_and_gradient(num_bins, size):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(2, 3, *size, generator=generator, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 3, *num_bins, generator=generator, dtype=torch.float64)
    found, expected = averaged(values, num_bins), F.adaptive_avg_pool2d(values, num_bins)
    assert torch.allclose(found, expected, atol=1e-12)
    gradients = [torch.autograd.grad((each * weights).sum(), values)[0] for each in (found, expected)]
    assert torch.allclose(*gradients, atol=1e-12)


def test_autocast_does_not_take_its_products_in_half_precision():
    values = torch.randn(1, 2, 9, 9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = averaged(values, (3, 3))
    assert found.dtype == torch.float32
    assert torch.allclose(found, F.adaptive_avg_pool2d(values, 3), atol=1e-6)


def test_only_pooling_to_several_bins_is_replaced():
    inner = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d((1, 1)), nn.AdaptiveAvgPool2d((2, 2)))
    net = nn.Sequential(inner, nn.AdaptiveAvgPool2d(6))
    replace_pooling(net)
    assert [type(layer) for layer in inner] == [nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool2d, BinAverage]
    assert (inner[2].num_bins, net[1].num_bins) == ((2, 2), (6, 6))
