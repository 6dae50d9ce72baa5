"""Optuna's study of a sweep: on disk, where several processes work on it, or made of a finished grid."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from atrous.settings import settings
from atrous.sweeps.folder import FINISHED, STUDY, Outcome
from atrous.sweeps.table import varied

if TYPE_CHECKING:
    import optuna
    from optuna.pruners import BasePruner

Direction = Literal["maximize", "minimize"]
NAME = "sweep"
PRUNER = "pruner"  # where the study keeps its pruner's config, for the processes of the trials


def stored(
    folder: Path, direction: Direction | None = None, pruner: "BasePruner | None" = None
) -> "optuna.Study":
    """The study in the folder of a sweep.

    direction: None: it is there already; else it is made, if it is not.
    Raises ValueError: the study that is there has another direction.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    from atrous.sweeps.journal import WholeLines

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = folder.absolute() / STUDY  # Optuna's lock is a link to it: a relative one leads nowhere, and stays
    storage = JournalStorage(JournalFileBackend(str(path), WholeLines(str(path))))
    if direction is None:
        return optuna.load_study(study_name=NAME, storage=storage, pruner=pruner)
    study = optuna.create_study(
        study_name=NAME, storage=storage, direction=direction, pruner=pruner, load_if_exists=True
    )
    if study.direction.name.lower() != direction:
        raise ValueError(
            f"hydra.sweeper.direction={direction}: the study in {path} was begun with "
            f"{study.direction.name.lower()}; give this, or another hydra.sweep.dir"
        )
    return study


def of_outcomes(outcomes: Sequence[Outcome], direction: Direction) -> "optuna.Study":
    """The finished runs of a grid as a study in memory: what was varied are its parameters.

    They are numbers where all of their values are.
    """
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    finished = [each for each in outcomes if each.state == FINISHED and not math.isnan(each.objective)]
    keys = settings(dict.fromkeys(varied(finished)))  # but for what changes nothing of a run
    typed = {key: _typed([each.given.get(key, "") for each in finished]) for key in keys}
    space: dict[str, BaseDistribution] = {
        key: CategoricalDistribution(sorted(set(found))) for key, found in typed.items()
    }
    study = optuna.create_study(direction=direction)
    for place, each in enumerate(finished):
        params = {key: found[place] for key, found in typed.items()}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=each.objective))
    return study


def _typed(texts: Sequence[str]) -> list[Any]:
    try:
        return [float(text) for text in texts]
    except ValueError:
        return list(texts)
