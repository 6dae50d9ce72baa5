"""Optimizers over parameter groups: a rate for the encoder of its own, no weight decay where it does harm."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn
from torch.optim import Optimizer

OptimizerFactory = Callable[..., Optimizer]


def grouped(
    net: nn.Module,
    algorithm: OptimizerFactory,
    lr: float,
    weight_decay: float = 0.0,
    encoder_lr_factor: float = 1.0,
    decay_norm_and_bias: bool = False,
) -> Optimizer:
    """``algorithm`` over the groups of ``parameter_groups``.

    Raises ValueError: ``lr`` is no positive number.
    """
    if isinstance(lr, bool) or not isinstance(lr, int | float) or not 0 < lr < math.inf:
        raise ValueError(f"optimizer.lr={lr}: expected a number above 0")
    groups = parameter_groups(net, lr, weight_decay, encoder_lr_factor, decay_norm_and_bias)
    return algorithm(groups, lr=lr, weight_decay=weight_decay)


def parameter_groups(
    net: nn.Module, lr: float, weight_decay: float, encoder_lr_factor: float, decay_norm_and_bias: bool
) -> list[dict[str, Any]]:
    """The trainable parameters in up to four groups, {head, encoder} x {decayed, not}, the head's first.

    encoder_lr_factor: times ``lr`` for what lies in a submodule named ``encoder``.
    decay_norm_and_bias: also decay parameters of one dimension (norm scales and shifts, biases).
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for in_encoder, parameter in _trainable(net):
        decayed = decay_norm_and_bias or parameter.ndim > 1
        groups.setdefault((in_encoder, not decayed), []).append(parameter)
    return [
        {
            "params": groups[in_encoder, spared],
            "name": "encoder" if in_encoder else "head",
            "lr": lr * (encoder_lr_factor if in_encoder else 1.0),
            "weight_decay": 0.0 if spared else weight_decay,
        }
        for in_encoder, spared in sorted(groups)
    ]


def learning_rates(optimizer: Optimizer) -> dict[str, float]:
    """The rate of each group by its name, where they began with different ones; nothing where with one."""
    groups = optimizer.param_groups
    if len({group.get("initial_lr", group["lr"]) for group in groups}) == 1:
        return {}
    return {str(group.get("name", index)): float(group["lr"]) for index, group in enumerate(groups)}


def _trainable(net: nn.Module) -> Iterator[tuple[bool, nn.Parameter]]:
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            yield "encoder" in name.split("."), parameter
