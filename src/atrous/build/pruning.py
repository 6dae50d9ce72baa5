"""The pruner of a sweep, and what a run that is one of its trials does with it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from atrous.build.options import make
from atrous.configs import propose
from atrous.siblings import SWEEP
from atrous.sweeps.folder import STUDY
from atrous.trust import require_trusted

if TYPE_CHECKING:
    import lightning as L
    from optuna.pruners import BasePruner


def pruner(config: Mapping[str, Any] | None, allow: Sequence[str] = ()) -> "BasePruner":
    """One of Optuna's, or of a package that ``allow`` names; None: one that prunes nothing.

    Trials find the config in a file: it may build no more than that of a checkpoint.
    Raises ValueError: it would build something else, or with what this does not take.
    """
    from optuna import pruners

    if config is None:
        return pruners.NopPruner()
    package, _, name = str(config.get("_target_")).rpartition(".")
    if package in ("", "optuna.pruners") and name not in pruners.__all__:
        raise ValueError(
            f"hydra.sweeper.pruner._target_={config.get('_target_')}: no pruner of Optuna's"
            f"{propose(name, pruners.__all__)}; it has optuna.pruners.{', '.join(pruners.__all__)}"
        )
    require_trusted(config, allow, holder="hydra.sweeper.pruner", libraries=("optuna.pruners",))
    made: BasePruner = make(dict(config))
    return made


def pruning(cfg: DictConfig) -> "list[L.Callback]":
    """The callback of a run that is a trial of a sweep by Optuna; none, else."""
    folder = Path(cfg.paths.output)
    if SWEEP not in os.environ or not (folder.parent / STUDY).exists() or not folder.name.isdecimal():
        return []
    from optuna import Trial
    from optuna.pruners import NopPruner

    from atrous.callbacks.pruning import Pruning
    from atrous.sweeps.studies import PRUNER, stored

    study = stored(folder.parent)
    study.pruner = pruner(study.user_attrs.get(PRUNER), cfg.allow)
    if isinstance(study.pruner, NopPruner):
        return []
    trial = study.get_trials(deepcopy=False)[int(folder.name)]
    return [Pruning(Trial(study, trial._trial_id), cfg.objective, folder)]
