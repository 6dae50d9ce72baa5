"""From the config to the Lightning trainer with its callbacks and loggers."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from atrous.build.options import make, plain, skips

if TYPE_CHECKING:
    import lightning as L

# Options of conf/trainer that Lightning's trainer does not take, or takes for evaluations too.
NOT_LIGHTNINGS = ("benchmark", "checkpoint_activations", "compile", "on_bad_step")


def trainer(cfg: DictConfig, callbacks: Sequence["L.Callback"] = ()) -> "L.Trainer":
    """The Lightning trainer with the config's callbacks and loggers, and ``callbacks``."""
    import torch
    from lightning.pytorch.utilities import rank_zero_warn

    from atrous.callbacks.arithmetic import Arithmetic
    from atrous.checkpoint import AtomicCheckpointIO

    # The checkpoints share the run folder with the config and the logs, so it is never empty.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    # lightning 2.6 with torch 2.15; nothing that a user can do.
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.* is deprecated")
    options = {
        key: value for key, value in plain(cfg.trainer, resolve=True).items() if key not in NOT_LIGHTNINGS
    }
    if options.get("sync_batchnorm") and not torch.cuda.is_available():
        rank_zero_warn("trainer.sync_batchnorm=true needs GPUs; batch norm stays a device's own here")
        options["sync_batchnorm"] = False
    _require_clipping(cfg)
    one_size = cfg.get("augment") is not None
    search = cfg.trainer.get("benchmark")
    chosen = [make(callback) for callback in (cfg.get("callbacks") or {}).values() if callback is not None]
    loggers = [make(logger) for logger in (cfg.get("logger") or {}).values() if logger is not None]
    # Deterministic algorithms would fill each new tensor first, for programs that read what nobody wrote.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    own = [Arithmetic(one_size if search is None else search), *_watching(cfg)]
    made: L.Trainer = make(
        options,
        callbacks=[*own, *chosen, *callbacks],
        logger=loggers or False,
        plugins=[AtomicCheckpointIO()],
    )
    if made.world_size > 1 and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise ValueError(
            f"a sweep (-m) runs one process a job, but trainer.devices={cfg.trainer.devices} asks for "
            f"{made.world_size}; start these runs one by one"
        )
    return made


def _watching(cfg: DictConfig) -> "list[L.Callback]":
    """What looks after a training, before all callbacks that save or validate."""
    from atrous.callbacks.finite import FiniteSteps
    from atrous.callbacks.skipped import SkippedSamples

    account = [SkippedSamples(cfg.paths.output)] if skips(cfg, "data.on_bad_sample") else []
    return [FiniteSteps(skips(cfg, "trainer.on_bad_step")), *account]


def _require_clipping(cfg: DictConfig) -> None:
    """Raises ValueError: gradients would be clipped that only the optimizer can scale back."""
    scaled = str(cfg.trainer.get("precision")) in ("16-mixed", "16")
    if scaled and cfg.trainer.get("gradient_clip_val") and cfg.optimizer.algorithm.get("fused"):
        raise ValueError(
            f"trainer.precision={cfg.trainer.precision} with trainer.gradient_clip_val: a fused optimizer "
            "takes the scale out of the gradients after they are clipped; set optimizer.algorithm.fused=false"
        )
