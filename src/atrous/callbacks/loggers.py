"""Loggers that need more than their constructor."""

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger


def wandb_logger(
    project: str, folder: str | Path, name: str, offline: bool | None = None, group: str | None = None
) -> WandbLogger:
    """A W&B run whose files lie in ``folder``.

    offline: None means offline when no account is set up on this machine; ``wandb sync`` sends such a run
        later.
    """
    import wandb

    if offline is None:
        offline = not wandb.login(prompt=False)
    Path(folder).mkdir(parents=True, exist_ok=True)
    # Not offline=True: Lightning then sets an environment variable, and wandb has read its environment by
    # now.
    mode: dict[str, Any] = {"mode": "offline"} if offline else {}
    return WandbLogger(project=project, save_dir=folder, name=name, group=group, **mode)
