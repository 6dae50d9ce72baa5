"""What is about to be trained, as a table."""

from collections.abc import Sequence

import lightning as L
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from atrous.footprint import Part, parts, state_per_weight
from atrous.module import SegmentationModule

MIB = 2**20
BYTES = 4  # of a float32, which weights and gradients are kept in


class NetworkTable(L.Callback):
    """At the start, the network's parts with their parameters and multiply-accumulates, and what they take.

    size: (height, width) of the crops that it is trained on.
    """

    def __init__(self, size: Sequence[int]) -> None:
        self.size = size

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Print it, before a strategy wraps the network or spreads it."""
        assert isinstance(pl_module, SegmentationModule)
        if stage == "fit" and trainer.is_global_zero:
            assert pl_module.make_optimizer is not None
            found = parts(pl_module.net, self.size)
            console = Console()
            console.print(_table(found, self.size))
            kept = state_per_weight(pl_module.make_optimizer(pl_module.net))
            console.print(_memory(found, kept), soft_wrap=True)


def _table(found: Sequence[Part], size: Sequence[int]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_footer=True, pad_edge=False, collapse_padding=True)
    costs = [part.gmac for part in found if part.gmac is not None]
    total, trainable = sum(part.num_parameters for part in found), sum(part.num_trainable for part in found)
    table.add_column("part", footer="network")
    table.add_column("parameters", justify="right", footer=f"{total:,}")
    table.add_column("trainable", justify="right", footer=f"{trainable:,}")
    head = f"GMAC a {size[0]}x{size[1]} crop"
    table.add_column(head, justify="right", footer=_gmac(sum(costs) if len(costs) == len(found) else None))
    for part in found:
        table.add_row(part.name, f"{part.num_parameters:,}", f"{part.num_trainable:,}", _gmac(part.gmac))
    return table


def _memory(found: Sequence[Part], state: float) -> str:
    weights = BYTES * sum(part.num_parameters for part in found) / MIB
    trainable = sum(part.num_trainable for part in found) / MIB
    return (
        f"weights {weights:.1f} MiB, gradients {BYTES * trainable:.1f} MiB, optimizer "
        f"{state * trainable:.1f} MiB a device, beside what the crops take"
    )


def _gmac(cost: float | None) -> str:
    return "-" if cost is None else f"{cost:.3g}"
