"""A network whose weights, gradients and optimizer state are spread over the devices: FSDP, torch's second.

Names of parameters, gradients and running statistics stay as they are.
Source: Zhao et al., "PyTorch FSDP", 2023; torch.distributed.fsdp.fully_shard.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils._pytree import tree_map_only

from atrous.activations import encoder_blocks


def shard(net: nn.Module, mesh: DeviceMesh) -> None:
    """Spread the parameters of ``net`` over the devices of ``mesh``, of one dimension.

    Each device holds an equal part of every parameter, and the whole of a block of the encoder (see
    ``encoder_blocks``) only while that block computes; what lies in no block is whole from the forward to the
    end of the backward pass.
    """
    net.to(memory_format=torch.contiguous_format)  # others cannot be cut
    for module in (*encoder_blocks(net), net):
        module.register_forward_hook(_own)
        fully_shard(module, mesh=mesh)


def gather(net: nn.Module) -> None:
    """Hold the whole weights on each device, so that no forward pass waits for the other devices.

    Every process must call it, and ``spread`` afterwards.  Nothing to do for a network that is not spread.
    """
    for module in _sharded(net):
        module.set_reshard_after_forward(False, recurse=False)
        module.unshard()


def spread(net: nn.Module) -> None:
    """Undo ``gather``."""
    root: object = net  # what lies in no block stays whole between forward and backward
    for module in _sharded(net):
        module.set_reshard_after_forward(module is not root, recurse=False)
        module.reshard()


def whole(value: Tensor) -> Tensor:
    """The value itself, of one that is spread over the devices; every process must ask for it."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def cut_like(like: Tensor, value: Any) -> Any:
    """This device's part of ``value``, if it is a tensor of the shape of ``like``, which is spread."""
    if not isinstance(like, DTensor) or not isinstance(value, Tensor) or value.shape != like.shape:
        return value
    own = value.to(like.device).contiguous()  # as the parameter lies: fused optimizers take that for granted
    return distribute_tensor(own, like.device_mesh, like.placements, src_data_rank=None)


def _own(module: nn.Module, args: object, outputs: Any) -> Any:
    """Copy outputs that are views: one that is changed in place would lose what brings the weights back."""
    if not torch.is_grad_enabled():
        return outputs
    return tree_map_only(Tensor, lambda output: output.clone() if output._is_view() else output, outputs)


def _sharded(net: nn.Module) -> Iterator[FSDPModule]:
    return (module for module in net.modules() if isinstance(module, FSDPModule))
