import math
from functools import partial

import pytest
import torch
from torch import nn

from atrous.optim import grouped


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.head = nn.Conv2d(4, 2, 1)


def test_the_encoder_has_its_rate_and_norm_and_bias_do_not_decay():
    net = Net()
    net.encoder[1].bias.requires_grad_(False)
    optimizer = grouped(
        net, partial(torch.optim.SGD, momentum=0.9), lr=0.1, weight_decay=0.5, encoder_lr_factor=0.1
    )
    found = {id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    expected = {
        net.head.weight: (0.1, 0.5),
        net.head.bias: (0.1, 0.0),
        net.encoder[0].weight: (0.1 * 0.1, 0.5),
        net.encoder[0].bias: (0.1 * 0.1, 0.0),
        net.encoder[1].weight: (0.1 * 0.1, 0.0),
    }
    assert found == {id(parameter): values for parameter, values in expected.items()}
    assert optimizer.param_groups[0]["lr"] == 0.1  # the head's rate is the one that is shown
    assert optimizer.param_groups[0]["momentum"] == 0.9


@pytest.mark.parametrize("lr", [0, -0.1, "fast", True, math.nan, math.inf])
def test_a_rate_that_is_no_positive_number_is_refused(lr):
    with pytest.raises(ValueError, match=f"optimizer.lr={lr}: expected a number above 0"):
        grouped(Net(), torch.optim.SGD, lr=lr)


def test_everything_decays_if_wanted():
    optimizer = grouped(Net(), torch.optim.AdamW, lr=0.1, weight_decay=0.5, decay_norm_and_bias=True)
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.5}
