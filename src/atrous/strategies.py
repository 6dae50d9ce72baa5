"""How a training lies on several devices, beside Lightning's own ways."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.optim import Optimizer
from torch.utils._pytree import tree_map_only

from atrous.module import SegmentationModule
from atrous.sharding import cut_like, shard, whole


class Sharded(DDPStrategy):
    """Spreads weights, gradients and optimizer state over the devices (atrous.sharding).

    What DDP does besides stays: processes, batch norm over all devices, gradients that are means over them.
    A checkpoint is one file with whole tensors, as of any other run: one goes on with or without this.
    Every device once holds the whole weights, before they are spread.
    """

    def configure_ddp(self) -> None:
        """Spread the network, in the place of a copy each; all devices take the first one's values."""
        module = self._module
        for value in module.state_dict().values():
            distributed.broadcast(value, src=0)
        shard(module.net, init_device_mesh(self.root_device.type, (self.world_size,)))

    @contextmanager
    def block_backward_sync(self) -> Iterator[None]:
        """Of gradients that are gathered over several batches, each is a mean over the devices at once."""
        yield

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The whole weights, in memory of the processor; only the first process has something to keep."""
        return self._kept(self._module.state_dict())

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """As ``lightning_module_state_dict``."""
        return self._kept(optimizer.state_dict())

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Each device takes its part."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            optimizer.load_state_dict(state | {"state": _spread(optimizer, state)})

    @property
    def _module(self) -> SegmentationModule:
        assert isinstance(self.lightning_module, SegmentationModule)
        return self.lightning_module

    def _kept(self, state: dict[str, Any]) -> dict[str, Any]:
        def gathered(value: Tensor) -> Tensor | None:
            found = whole(value)
            if not self.is_global_zero:
                return None  # else the memory of as many copies
            # as the module lays its weights, and with them the optimizer its state, where they are not spread
            lies = torch.channels_last if found.ndim == 4 else torch.contiguous_format
            return found.cpu().contiguous(memory_format=lies)

        found: dict[str, Any] = tree_map_only(Tensor, gathered, state)
        return found


def _spread(optimizer: Optimizer, saved: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """The saved state of each parameter, spread as the parameter is."""
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    places = [place for group in saved["param_groups"] for place in group["params"]]
    return {
        place: {key: cut_like(parameter, value) for key, value in saved["state"][place].items()}
        for place, parameter in zip(places, parameters, strict=True)
        if place in saved["state"]
    }
