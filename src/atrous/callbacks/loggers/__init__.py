"""Where logged values go: the run's own file, and one file a logger that can be chosen."""

from typing import Any


def wandb_logger(**options: Any) -> Any:
    """The W&B logger under the name that configs of older runs have for it: they go on."""
    from atrous.callbacks.loggers.wandb import Wandb

    return Wandb(**options)
