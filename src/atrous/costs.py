"""What a network costs: parameters, multiply-accumulates and seconds a picture."""

import copy
import platform
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from atrous.module import SegmentationModule


def costs(module: SegmentationModule, size: Sequence[int], training_seconds: float) -> dict[str, Any]:
    """Plain data: what the evaluated network costs on pictures of (height, width).

    num_parameters: frozen ones too.  gmac: as ``gmac``, for one view of the whole picture at its own scale.
    seconds_per_picture: as the module measured it in its evaluation, with all views and windows.
    device: that this was measured on.  num_threads: of the processor, for it.
    """
    return {
        "num_parameters": sum(parameter.numel() for parameter in module.net.parameters()),
        "gmac": gmac(module.net, size),
        "size": list(size),
        "seconds_per_picture": module.seconds_per_picture,
        "device": device_name(module.device),
        "num_threads": torch.get_num_threads(),
        "training_seconds": training_seconds,
    }


def gmac(net: nn.Module, size: Sequence[int]) -> float:
    """Multiply-accumulates in 1e9 for one picture of (height, width), in matrix products and convolutions.

    Nothing is computed: the network runs on tensors that have a shape and no memory.
    """
    shadow = copy.deepcopy(net).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        shadow(torch.empty(1, 3, *size, device="meta"))
    return float(counter.get_total_flops()) / 2e9


def device_name(device: torch.device) -> str:
    """The GPU's name, or the processor's kind."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()})"
