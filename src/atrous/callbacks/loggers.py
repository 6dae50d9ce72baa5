"""Loggers that need more than their constructor."""

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger


def wandb_logger(
    project: str, folder: str | Path, offline: bool | None = None, group: str | None = None
) -> WandbLogger:
    """A W&B run whose files lie in ``folder``, and which is named after it.

    offline: None means offline when no account is set up on this machine; ``wandb sync`` sends such a run
        later.
    """
    import wandb

    if offline is None:
        offline = not wandb.login(prompt=False)
    wandb.finish()  # the run of the sweep's job before this one
    Path(folder).mkdir(parents=True, exist_ok=True)
    name = "/".join(Path(folder).parts[-2:])
    # Not offline=True: Lightning then sets an environment variable, and wandb has read its environment by
    # now.
    mode: dict[str, Any] = {"mode": "offline"} if offline else {}
    return WandbLogger(project=project, save_dir=folder, name=name, group=group, **mode)
