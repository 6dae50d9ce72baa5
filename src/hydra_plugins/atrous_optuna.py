"""A sweep that Optuna steers: a small Hydra sweeper over Optuna's ask-and-tell interface.

Hydra's own plug-in for Optuna has no release that goes with today's Optuna.  The search space is written as
for it: interval(a,b), tag(log,interval(a,b)), range(a,b,step), choice(x,y), on the command line or in
hydra.sweeper.params.  Hydra takes a sweeper from the package hydra_plugins alone.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

STUDY = "study.journal"


class OptunaSweeper(Sweeper):
    """Runs jobs whose values Optuna chooses by the objectives of those before; the study is kept on disk.

    A sweep that was stopped goes on by resume=auto: the jobs that were running then are taken up first, each
    in its folder.

    num_jobs: of the whole sweep; failed ones count.
    direction: maximize or minimize the objective.
    sampler: Optuna's; None: TPE with this seed, which null makes another one each time.
    params: the search space, key -> sweep, beside what the command line gives.
    """

    def __init__(
        self,
        num_jobs: int,
        direction: Literal["maximize", "minimize"] = "maximize",
        sampler: "BaseSampler | None" = None,
        seed: int | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        self.num_jobs = num_jobs
        self.direction = direction
        self.sampler = sampler
        self.seed = seed
        self.params = dict(params or {})
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None
        self.hydra_context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run the jobs."""
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        given = [f"{key}={value}" for key, value in self.params.items()]
        overrides = {each.get_key_element(): each for each in parser.parse_overrides([*given, *arguments])}
        fixed = [str(each.input_line) for each in overrides.values() if not each.is_sweep_override()]
        space = {key: _distribution(each) for key, each in overrides.items() if each.is_sweep_override()}
        if not space:
            raise ValueError(
                "a sweep by Optuna needs a search space: give one such as optimizer.lr='interval(1e-4,1e-2)'"
            )
        from optuna.samplers import TPESampler

        study = self._study()
        for trial in _in_state(study, "RUNNING"):  # the sweep before this one was stopped in it
            self._run(study, fixed, trial)
        while len(_in_state(study, "COMPLETE", "FAIL")) < self.num_jobs:
            if self.sampler is None:  # of each trial its own: a sweep that goes on does not begin anew
                seed = None if self.seed is None else self.seed + 1_000_003 * len(study.trials)
                study.sampler = TPESampler(seed=seed)
            self._run(study, fixed, study.ask(space))

    def _study(self) -> "optuna.Study":
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        assert self.config is not None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        path = Path(self.config.hydra.sweep.dir) / STUDY
        if path.exists() and self.config.get("resume") != "auto":
            raise ValueError(
                f"hydra.sweep.dir={path.parent}: holds a sweep already; resume=auto goes on with it, or "
                "choose another folder"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        return optuna.create_study(
            study_name="sweep",
            storage=JournalStorage(JournalFileBackend(str(path))),
            sampler=self.sampler,
            direction=self.direction,
            load_if_exists=True,
        )

    def _run(self, study: "optuna.Study", fixed: Sequence[str], trial: "optuna.Trial | FrozenTrial") -> None:
        """Run the job of a trial, whose number it has, and tell the study what came of it."""
        from optuna.trial import TrialState

        assert self.launcher is not None
        job = [*fixed, *(f"{key}={value}" for key, value in trial.params.items())]
        self.validate_batch_is_legal([job])
        (done,) = self.launcher.launch([job], initial_job_idx=trial.number)
        value = float(done.return_value) if done.status == JobStatus.COMPLETED else math.nan
        if math.isnan(value):
            study.tell(trial.number, state=TrialState.FAIL)
        else:
            study.tell(trial.number, value)


def _in_state(study: "optuna.Study", *names: str) -> "list[FrozenTrial]":
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name in names]


def _distribution(override: Override) -> "BaseDistribution":
    """The part of the search space that a sweep of Hydra's grammar says.

    Raises ValueError: one that Optuna cannot choose from.
    """
    from optuna.distributions import CategoricalDistribution

    sweep: Any = override.value()
    if isinstance(sweep, ChoiceSweep):
        return CategoricalDistribution(list(override.sweep_string_iterator()))
    if not isinstance(sweep, RangeSweep | IntervalSweep):
        raise ValueError(f"{override.input_line}: expected interval, range or choice")
    if isinstance(sweep, IntervalSweep):
        ends: list[Any] = [sweep.start, sweep.end]
        return _numbers(ends)(*ends, log="log" in sweep.tags)
    numbers: list[Any] = [sweep.start, sweep.stop, sweep.step]
    start, stop, step = numbers
    last = start + (math.ceil(round((stop - start) / step, 9)) - 1) * step  # below the stop, as in Python
    return _numbers(numbers)(start, last, step=step)


def _numbers(given: Sequence[int | float]) -> "Callable[..., BaseDistribution]":
    """Whole numbers where all that are given are."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return IntDistribution if all(isinstance(each, int) for each in given) else FloatDistribution
