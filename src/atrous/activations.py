"""Memory for time: activations that are computed again where the gradient needs them, instead of kept."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint


def checkpoint_activations(net: nn.Module) -> None:
    """Make each block of the encoder of ``net`` keep its input alone and run twice; nothing else changes.

    Names of parameters, gradients, dropout and running statistics stay as they are.
    Raises ValueError: no module named ``encoder``, or no blocks in it.
    """
    blocks = encoder_blocks(net)
    if not blocks:
        raise ValueError(
            "trainer.checkpoint_activations=true works on the blocks of an encoder, and this network has "
            "none; leave it out, and save memory with a smaller data.batch_size and "
            "trainer.accumulate_grad_batches"
        )
    for block in blocks:
        block.forward = MethodType(_checkpointed, block)  # a method: a copy of the block gets its own


def encoder_blocks(net: nn.Module) -> list[nn.Module]:
    """The blocks of the encoder of ``net``: none, if no module is named ``encoder``.

    A block is an entry of a list of modules (torch's Sequential, ModuleList, ModuleDict) that lies in no
    other one and is no single layer.
    """
    encoders = [module for name, module in net.named_modules() if name.split(".")[-1] == "encoder"]
    return list(_blocks(encoders[0])) if encoders else []


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict):
        yield from (child for child in module.children() if any(child.children()))
    else:
        for child in module.children():
            yield from _blocks(child)


def _checkpointed(block: nn.Module, *args: Any, **kwargs: Any) -> Any:
    """The forward of the block's class, whose activations are computed again for the gradient."""
    forward = partial(type(block).forward, block)
    if not torch.is_grad_enabled():
        return forward(*args, **kwargs)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(block)

    return checkpoint(forward, *args, use_reentrant=False, context_fn=contexts, **kwargs)


@contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """The second run sees the same pictures, which batch norm has counted: a momentum of 0 adds nothing."""
    norms = [layer for layer in block.modules() if isinstance(layer, _NormBase)]
    before = [(layer.momentum, layer.num_batches_tracked) for layer in norms]
    for layer in norms:
        layer.momentum, layer.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for layer, (momentum, num_batches) in zip(norms, before, strict=True):
            layer.momentum, layer.num_batches_tracked = momentum, num_batches
