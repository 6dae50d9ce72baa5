"""From the config to the Lightning trainer with its callbacks and loggers."""

import math
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from atrous.build.options import choice, make, plain, skips
from atrous.build.pruning import pruning
from atrous.build.requirements import (
    require_clipping,
    require_processes,
    require_sharding,
    require_trainer,
)
from atrous.build.shown import shown, without_secrets, written
from atrous.labels import LabelSet
from atrous.launching import is_task_of_slurm
from atrous.run_folder import read_values
from atrous.siblings import FOLDER, SWEEP

if TYPE_CHECKING:
    import lightning as L
    from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
    from lightning.pytorch.loggers import Logger

    from atrous.callbacks.recording import About

# Options of conf/trainer that Lightning's trainer does not take, or takes for evaluations too.
NOT_LIGHTNINGS = ("benchmark", "checkpoint_activations", "checkpoint_minutes", "compile", "on_bad_step")


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

    require_clipping(cfg)
    require_trainer(cfg)
    require_sharding(cfg)
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
    require_processes(cfg)
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


def _environment() -> "list[ClusterEnvironment]":
    """Who has started the processes: we, or srun, whose jobs are put back by callbacks/preemption.py.

    Empty: Lightning finds it out, as with torchrun, which may itself be started by srun.
    """
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    if FOLDER in os.environ and "LOCAL_RANK" in os.environ:
        return [LightningEnvironment()]
    if TorchElasticEnvironment.detect():
        return []
    if is_task_of_slurm():
        return [SLURMEnvironment(auto_requeue=False)]
    # Lightning takes a batch script for a task of srun's and waits for the others.
    return [LightningEnvironment()] if "SLURM_NTASKS" in os.environ else []
