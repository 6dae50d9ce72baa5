"""From the config to the Lightning trainer with its callbacks and loggers."""

import math
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from atrous.build.options import choice, make, plain, skips
from atrous.build.pruning import pruning
from atrous.build.shown import shown, without_secrets, written
from atrous.labels import LabelSet
from atrous.run_folder import read_values
from atrous.siblings import FOLDER, SWEEP

if TYPE_CHECKING:
    import lightning as L
    from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
    from lightning.pytorch.loggers import Logger

    from atrous.callbacks.recording import About

# Options of conf/trainer that Lightning's trainer does not take, or takes for evaluations too.
NOT_LIGHTNINGS = ("benchmark", "checkpoint_activations", "checkpoint_minutes", "compile", "on_bad_step")
# What to choose in the place of an option of Lightning's.
INSTEAD = {"fast_dev_run": "choose debug=fast", "overfit_batches": "choose debug=overfit"}
LAUNCH_THEMSELVES = ("ddp_spawn", "ddp_fork", "ddp_notebook")  # strategies that start their processes
PLACE = ("NODE_RANK", "GROUP_RANK", "SLURM_NODEID")  # which of several machines this is


def num_processes(cfg: DictConfig) -> int:
    """How many processes of this machine a run of this config takes: one a device.

    Raises ValueError: a strategy that would copy this process for the others.
    """
    devices: Any = cfg.trainer.devices if "trainer" in cfg else 1
    strategy = str(cfg.get("trainer", {}).get("strategy", ""))
    if strategy.startswith(LAUNCH_THEMSELVES):
        raise ValueError(
            f"trainer.strategy={strategy}: its processes are copies of this one, which cannot be stopped and "
            "gone on with; choose trainer=ddp, which starts one for each device"
        )
    if OmegaConf.is_list(devices):
        return len(devices)
    if str(devices) in ("auto", "-1"):
        import torch

        return max(1, torch.cuda.device_count()) if cfg.trainer.accelerator in ("auto", "gpu", "cuda") else 1
    named = [device for device in str(devices).split(",") if device.strip()]
    if len(named) > 1:
        return len(named)
    return int(devices) if str(devices).isdecimal() else 1


def training(cfg: DictConfig, labels: LabelSet, callbacks: "Sequence[L.Callback]" = ()) -> "L.Trainer":
    """A trainer whose run can be killed anywhere and goes on from its last checkpoint to the same end.

    callbacks: beside the config's.
    Raises ValueError: options that are of the wrong kind, or do not go together.
    """
    from atrous.callbacks.checkpoints import Last
    from atrous.callbacks.loggers.values import Values
    from atrous.callbacks.preemption import Preemption
    from atrous.callbacks.randomness import Randomness
    from atrous.callbacks.recording import Recording
    from atrous.callbacks.summary import ValidateLastStep
    from atrous.checkpoint import CheckpointContents

    _require_clipping(cfg)
    _require_trainer(cfg)
    # The position in the epoch is kept by SegmentationData, not by the loader.
    warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before the epoch")
    # Every n-th step is logged, in whichever epoch it falls; nothing is lost where epochs are short.
    warnings.filterwarnings("ignore", message="The number of training batches .* logging interval")
    values = Values(cfg.paths.output)
    contents = CheckpointContents(written(cfg), labels, values, _judged(cfg))
    last = Last(cfg.paths.output)
    preemption = Preemption(last, cfg.trainer.get("checkpoint_minutes"), requeue=cfg.resume == "auto")
    recording = Recording(_about(cfg))
    watching = [Randomness(cfg.seed), *_watching(cfg), *pruning(cfg)]
    own = [*watching, ValidateLastStep(), recording, contents, last, preemption]
    return trainer(cfg, [*callbacks, *own], [values])


def objective(cfg: DictConfig, trainer: "L.Trainer") -> float:
    """The last value of cfg.objective; of a run that had nothing left to do, from its file.

    Raises ValueError: it was not logged.
    """
    lines = read_values(Path(cfg.paths.output))
    logged = {name: value for line in lines for name, value in line.items()} | trainer.callback_metrics
    if cfg.objective not in logged:
        raise ValueError(f"objective={cfg.objective} was not logged; logged were {', '.join(sorted(logged))}")
    value = logged[cfg.objective]
    return math.nan if value is None else float(value)


def trainer(
    cfg: DictConfig, callbacks: "Sequence[L.Callback]" = (), loggers: "Sequence[Logger]" = ()
) -> "L.Trainer":
    """The Lightning trainer with the config's callbacks and loggers, and these."""
    import torch
    from lightning.pytorch.utilities import rank_zero_warn

    from atrous.callbacks.arithmetic import Arithmetic
    from atrous.callbacks.preemption import DefaultSignals
    from atrous.checkpoint import AtomicCheckpointIO

    # lightning 2.6 with torch 2.15; nothing that a user can do.
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.* is deprecated")
    options = {
        key: value for key, value in plain(cfg.trainer, resolve=True).items() if key not in NOT_LIGHTNINGS
    }
    if options.get("sync_batchnorm") and not torch.cuda.is_available():
        rank_zero_warn("trainer.sync_batchnorm=true needs GPUs; batch norm stays a device's own here")
        options["sync_batchnorm"] = False
    one_size = cfg.get("augment") is not None
    search = cfg.trainer.get("benchmark")
    chosen = [make(callback) for callback in (cfg.get("callbacks") or {}).values() if callback is not None]
    # Deterministic algorithms would fill each new tensor first, for programs that read what nobody wrote.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    _require_processes(cfg)
    made: L.Trainer = make(
        options,
        callbacks=[DefaultSignals(), Arithmetic(one_size if search is None else search), *chosen, *callbacks],
        logger=[*loggers, *_chosen_loggers(cfg)] or False,
        plugins=[AtomicCheckpointIO(), *_environment()],
    )
    return made


def _judged(cfg: DictConfig) -> str:
    """The weights whose score chooses the best checkpoint, or, where none is chosen, the objective is of."""
    from atrous.callbacks.averaging import SPLIT
    from atrous.contents import EMA, RAW

    monitor = OmegaConf.select(cfg, "callbacks.best.monitor") or cfg.objective
    return EMA if str(monitor).startswith(f"{SPLIT}/") else RAW


def _chosen_loggers(cfg: DictConfig) -> "list[Logger]":
    """Those of the config: Lightning's as they are, ours so that their failure ends no run."""
    from atrous.callbacks.loggers.recorder import Recorder
    from atrous.callbacks.loggers.sink import Sink

    made = [make(logger) for logger in (cfg.get("logger") or {}).values() if logger is not None]
    return [Recorder(logger) if isinstance(logger, Sink) else logger for logger in made]


def _about(cfg: DictConfig) -> "About":
    """What the loggers learn of the run; one that goes on keeps the tags that it began with."""
    from atrous.callbacks.recording import About

    begins = cfg.resume is None or cfg.resume == "auto"
    tags = (choice("model"), choice("data")) if begins else ()
    arguments = without_secrets(sys.argv[1:])
    return About(Path(cfg.paths.output), os.environ.get(SWEEP), tags, shown(cfg), arguments)


def _watching(cfg: DictConfig) -> "list[L.Callback]":
    """What looks after a training; Lightning calls those that save behind all others."""
    from atrous.callbacks.finite import FiniteSteps
    from atrous.callbacks.skipped import SkippedSamples

    account = [SkippedSamples(cfg.paths.output)] if skips(cfg, "data.on_bad_sample") else []
    return [FiniteSteps(skips(cfg, "trainer.on_bad_step")), *account]


def _require_trainer(cfg: DictConfig) -> None:
    """Raises ValueError: options of Lightning's that a training of ours does not go with."""
    steps = cfg.trainer.max_steps
    if isinstance(steps, bool) or not isinstance(steps, int):
        raise ValueError(f"trainer.max_steps={steps}: expected a whole number, or -1 for trainer.max_epochs")
    for key, instead in INSTEAD.items():
        if key in cfg.trainer and cfg.trainer[key] not in (None, 0, False):
            raise ValueError(f"trainer.{key}={cfg.trainer[key]}: {instead}")
    if not cfg.trainer.get("enable_checkpointing", True):
        raise ValueError("trainer.enable_checkpointing=false: every training writes last.ckpt; leave it out")


def _require_processes(cfg: DictConfig) -> None:
    """Raises ValueError: processes that nobody starts."""
    if cfg.trainer.get("num_nodes", 1) != 1 and not any(name in os.environ for name in PLACE):
        raise ValueError(
            f"trainer.num_nodes={cfg.trainer.num_nodes}: nothing says which of the machines this is; start "
            "it by srun or torchrun, or set NODE_RANK, MASTER_ADDR and MASTER_PORT on each (docs/scale.md)"
        )


def _environment() -> "list[ClusterEnvironment]":
    """Who has started the processes: we, or SLURM, whose jobs are put back by callbacks/preemption.py."""
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    if FOLDER in os.environ and "LOCAL_RANK" in os.environ:
        return [LightningEnvironment()]
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []


def _require_clipping(cfg: DictConfig) -> None:
    """Raises ValueError: gradients would be clipped that only the optimizer can scale back."""
    scaled = str(cfg.trainer.get("precision")) in ("16-mixed", "16")
    if scaled and cfg.trainer.get("gradient_clip_val") and cfg.optimizer.algorithm.get("fused"):
        raise ValueError(
            f"trainer.precision={cfg.trainer.precision} with trainer.gradient_clip_val: a fused optimizer "
            "takes the scale out of the gradients after they are clipped; set optimizer.algorithm.fused=false"
        )
