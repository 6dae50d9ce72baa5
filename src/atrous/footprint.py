"""What a network takes, without running it: parameters, multiply-accumulates, optimizer state."""

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import nn
from torch.optim import Optimizer
from torch.utils.flop_counter import FlopCounterMode


def gmac(net: nn.Module, size: Sequence[int]) -> float | None:
    """Multiply-accumulates in 1e9 for an input of (height, width), in matrix products and convolutions.

    Nothing is computed: the network runs on tensors that have a shape and no memory.  None: a part of it
    cannot; what was evaluated is not to be lost for that.
    """
    counter = _counted(copy.deepcopy(net).to("meta").eval(), 1, size)
    return None if counter is None else float(counter.get_total_flops()) / 2e9


@dataclass(frozen=True)
class Part:
    """A part of a network by its name, such as encoder.

    num_parameters: all; num_trainable: those that are no frozen ones.  gmac: as ``gmac``, in training.
    """

    name: str
    num_parameters: int
    num_trainable: int
    gmac: float | None


def parts(net: nn.Module, size: Sequence[int]) -> list[Part]:
    """What a network is made of, and what each part of it costs on a crop of (height, width) in training."""
    counter = _counted(copy.deepcopy(net).to("meta").train(), 2, size)  # batch norm needs more than one
    flops = None if counter is None else counter.get_flop_counts()
    found, seen = [], set()
    for path, part in _parts(net, type(net).__name__):
        cost = None if flops is None else _flops(flops, path, part) / 4e9
        found.append(_part(path.rpartition(".")[2], list(part.parameters()), cost))
        seen |= set(part.parameters())
    others = [weight for weight in net.parameters() if weight not in seen]
    if others:
        known = [part.gmac for part in found if part.gmac is not None]
        rest = None if counter is None else counter.get_total_flops() / 4e9 - sum(known)
        found.append(_part("others", others, rest))
    return found


def state_per_weight(optimizer: Optimizer) -> float:
    """How many bytes the optimizer keeps for each trainable weight: found by a step with another one."""
    weight = nn.Parameter(torch.zeros(1024))
    weight.grad = torch.zeros(1024)
    twin = copy.copy(optimizer)
    twin.param_groups, twin.state = [{**optimizer.param_groups[0], "params": [weight]}], defaultdict(dict)
    twin.step()
    kept = [value for value in twin.state[weight].values() if isinstance(value, torch.Tensor) and value.ndim]
    return sum(value.numel() * value.element_size() for value in kept) / weight.numel()


def _counted(shadow: nn.Module, num_pictures: int, size: Sequence[int]) -> FlopCounterMode | None:
    try:
        with FlopCounterMode(display=False) as counted, torch.inference_mode():
            shadow(torch.empty(num_pictures, 3, *size, device="meta"))
    except (RuntimeError, NotImplementedError, AssertionError, ValueError) as error:
        rank_zero_warn(f"the network's multiply-accumulates cannot be counted ({str(error).splitlines()[0]})")
        return None
    found: FlopCounterMode = counted
    return found


def _flops(flops: Mapping[str, Mapping[Any, int]], path: str, part: nn.Module) -> int:
    """Counted under its path; a list of modules is not called itself, but each of its members."""
    if path in flops:
        return sum(flops[path].values())
    return sum(_flops(flops, f"{path}.{name}", child) for name, child in part.named_children())


def _parts(net: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    """The children, and in the place of a wrapped network, named ``net``, its own."""
    for name, child in net.named_children():
        if name == "net":
            yield from _parts(child, f"{path}.{name}")
        elif any(True for _ in child.parameters()):
            yield f"{path}.{name}", child


def _part(name: str, weights: Sequence[nn.Parameter], cost: float | None) -> Part:
    trainable = sum(weight.numel() for weight in weights if weight.requires_grad)
    return Part(name, sum(weight.numel() for weight in weights), trainable, cost)
