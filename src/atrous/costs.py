"""What a network costs: parameters, and multiply-accumulates a picture."""

import copy
from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def num_parameters(net: nn.Module) -> int:
    """Parameters, in millions times 1e6: frozen ones too."""
    return sum(parameter.numel() for parameter in net.parameters())


def gmac(net: nn.Module, size: Sequence[int]) -> float:
    """Multiply-accumulates in 1e9 for one picture of (height, width), in matrix products and convolutions.

    Nothing is computed: the network runs on tensors that have a shape and no memory.
    """
    shadow = copy.deepcopy(net).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        shadow(torch.empty(1, 3, *size, device="meta"))
    return float(counter.get_total_flops()) / 2e9
