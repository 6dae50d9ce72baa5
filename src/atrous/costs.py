"""What a network costs: parameters, multiply-accumulates and seconds a picture."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from atrous.module import SegmentationModule


def costs(module: SegmentationModule, size: Sequence[int], training_seconds: float) -> dict[str, Any]:
    """Plain data: what the evaluated network costs on pictures of (height, width).

    num_parameters: frozen ones too.
    gmac: as ``gmac``, of all views and windows of a picture.
    seconds_per_picture: as the module measured it in its evaluation, on ``device``; ``num_threads`` are
        the processor's.
    """
    inputs = module.inference.seen(size)
    counted = [gmac(module.net, seen) for seen in inputs]
    known = [number * one for number, one in zip(inputs.values(), counted, strict=True) if one is not None]
    return {
        "num_parameters": sum(parameter.numel() for parameter in module.net.parameters()),
        "gmac": sum(known) if len(known) == len(inputs) else None,
        "size": list(size),
        "seconds_per_picture": module.seconds_per_picture,
        "device": module.evaluated_on,
        "num_threads": torch.get_num_threads(),
        "training_seconds": training_seconds,
    }


def gmac(net: nn.Module, size: Sequence[int]) -> float | None:
    """Multiply-accumulates in 1e9 for an input of (height, width), in matrix products and convolutions.

    Nothing is computed: the network runs on tensors that have a shape and no memory.  None: a part of it
    cannot; what was evaluated is not to be lost for that.
    """
    shadow = copy.deepcopy(net).to("meta").eval()
    try:
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            shadow(torch.empty(1, 3, *size, device="meta"))
    except (RuntimeError, NotImplementedError, AssertionError, ValueError) as error:
        rank_zero_warn(f"the network's multiply-accumulates cannot be counted ({str(error).splitlines()[0]})")
        return None
    return float(counter.get_total_flops()) / 2e9
