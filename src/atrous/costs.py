"""What a network costs: parameters, multiply-accumulates and seconds a picture."""

from collections.abc import Sequence
from typing import Any

import torch

from atrous.footprint import gmac
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
