"""From the config of a training to what tries values of it."""

import copy
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from atrous.build.network import module
from atrous.build.options import make
from atrous.build.requirements import num_processes
from atrous.build.training import trainer
from atrous.labels import LabelSet

if TYPE_CHECKING:
    import lightning as L

    from atrous.module import SegmentationModule
    from atrous.tuning.search import MakeTrainer, Search

# A trial keeps nothing and validates nothing.
TRIAL = {"max_epochs": -1, "limit_val_batches": 0, "enable_checkpointing": False}


def search(cfg: DictConfig) -> "Search":
    """What finds the value.  Raises ValueError: a training that no value can be found for."""
    if num_processes(cfg) > 1 or cfg.trainer.get("num_nodes", 1) != 1:
        raise ValueError(
            f"trainer.devices={cfg.trainer.devices}: a value is found on one device; leave trainer=ddp out, "
            "and train on several with what was found (data.batch_size is a device's)"
        )
    if cfg.resume is not None:
        raise ValueError(f"resume={cfg.resume}: a value is found for a training that begins; leave it out")
    made: Search = make(cfg.find)
    return made


def trial_module(cfg: DictConfig, labels: LabelSet) -> "SegmentationModule":
    """As for a training, at a rate that stays: a trial is too short for a schedule."""
    from atrous.schedules import constant, scheduled

    built = module(cfg, labels)
    built.make_scheduler = partial(scheduled, shape=constant)
    return built


def trials(cfg: DictConfig) -> "MakeTrainer":
    """Makes trainers of the config, with none of its callbacks and loggers."""
    from atrous.callbacks.progress import StepProgress
    from atrous.callbacks.randomness import Randomness

    trial = copy.deepcopy(cfg)
    OmegaConf.set_struct(trial, False)
    trial.callbacks, trial.logger = None, None
    trial.trainer.update(TRIAL)

    def make_trainer(
        num_steps: int, callbacks: "Sequence[L.Callback]" = (), shown: bool = False
    ) -> "L.Trainer":
        trial.trainer.max_steps = num_steps
        trial.trainer.enable_progress_bar = shown
        bars = [StepProgress()] if shown else []
        return trainer(trial, [Randomness(cfg.seed), *bars, *callbacks])

    return make_trainer
