"""A sweep that Optuna steers: a small Hydra sweeper over Optuna's ask-and-tell interface.

Hydra's own plug-in for Optuna has no release that goes with today's Optuna.  The search space is written as
for it: interval(a,b), tag(log,interval(a,b)), range(a,b,step), choice(x,y), on the command line or in
hydra.sweeper.params.  Hydra takes a sweeper from the package hydra_plugins alone.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from atrous import build
from atrous.sweeps.folder import alone, read_pruned, require_own
from atrous.sweeps.runs import claimed, launch, metric, overrides, require_sweep
from atrous.sweeps.search_space import distribution
from atrous.sweeps.studies import PRUNER, stored

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

TRIED = "tried"  # where the study keeps the search space of which nothing is left


class OptunaSweeper(Sweeper):
    """Runs jobs whose values Optuna chooses by the objectives of those before; the study is kept on disk.

    A sweep that was stopped goes on by resume=auto: the jobs that were running then are taken up first, each
    in its folder.  Several processes may work on one: none takes up what a living one is at work on.

    num_jobs: of the whole sweep; failed and pruned ones count.
    num_parallel: that the launcher gets at once.
    direction: maximize or minimize the objective.
    sampler: the config of one of Optuna's; None: TPE with this seed, which null makes another one each time.
        Its own seed counts while this process alone has chosen: its numbers would come once more, else.
    pruner: the config of one of Optuna's; None: every job runs to its end.
    params: the search space, key -> sweep, beside what the command line gives.
    """

    def __init__(
        self,
        num_jobs: int,
        num_parallel: int = 1,
        direction: Literal["maximize", "minimize"] = "maximize",
        sampler: Mapping[str, Any] | None = None,
        pruner: Mapping[str, Any] | None = None,
        seed: int | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        self.num_jobs = num_jobs
        self.num_parallel = num_parallel
        self.direction = direction
        self.sampler = sampler
        self.pruner = pruner
        self.seed = seed
        self.params = dict(params or {})
        self.num_chosen = 0  # trials, by this process
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
        assert self.config is not None
        require_sweep(self.config, self.direction, num_jobs=self.num_jobs, num_parallel=self.num_parallel)
        fixed, space = self._search_space(arguments)
        folder = Path(self.config.hydra.sweep.dir)
        study = self._study(folder)
        # Called by samplers that have tried everything; Optuna's own is for a loop of its own.
        study.stop = partial(study.set_user_attr, TRIED, str(space))  # type: ignore[method-assign]
        while True:
            with ExitStack() as claims:
                with alone(folder):
                    trials = self._choose(study, space, folder, claims)
                if not trials:
                    return
                self._run(study, fixed, trials, folder)

    def _search_space(self, arguments: Sequence[str]) -> "tuple[list[str], dict[str, BaseDistribution]]":
        """The options that all jobs have, and what is chosen for each; the command line's come last."""
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        given = {each.get_key_element(): each for each in overrides(parser, self.params, arguments)}
        fixed = [str(each.input_line) for each in given.values() if not each.is_sweep_override()]
        space = {key: distribution(each) for key, each in given.items() if each.is_sweep_override()}
        if not space:
            raise ValueError(
                "a sweep by Optuna needs a search space: give one such as optimizer.lr='interval(1e-4,1e-2)'"
            )
        return fixed, space

    def _study(self, folder: Path) -> "optuna.Study":
        assert self.config is not None
        require_own(folder, self.config.get("resume"), metric(self.config), by_optuna=True)
        pruner = build.pruner(self.pruner, self.config.get("allow", ()))
        with alone(folder):
            study = stored(folder, self.direction, pruner)
            study.set_user_attr(PRUNER, self.pruner)
        if self.sampler is not None:
            study.sampler = build.make(dict(self.sampler))
        return study

    def _choose(
        self, study: "optuna.Study", space: "dict[str, BaseDistribution]", folder: Path, claims: ExitStack
    ) -> "list[optuna.Trial | FrozenTrial]":
        """The next trials for the launcher: first those that a process which ended has left running."""
        trials: list[optuna.Trial | FrozenTrial] = []
        for trial in study.get_trials(deepcopy=False):
            running = trial.state.name == "RUNNING" and len(trials) < self.num_parallel
            if running and claimed(folder, trial.number, claims):
                trials.append(_with_all(study, trial, space))
        while len(trials) < self.num_parallel:
            begun = sum(trial.state.name != "WAITING" for trial in study.get_trials(deepcopy=False))
            if begun >= self.num_jobs or study.user_attrs.get(TRIED) == str(space):
                break
            if self.sampler is None:  # of each trial its own: a sweep that goes on does not begin anew
                study.sampler = _tpe(None if self.seed is None else self.seed + 1_000_003 * begun)
            elif begun != self.num_chosen:
                study.sampler.reseed_rng()
            trials.append(study.ask(space))
            self.num_chosen += 1
            assert claimed(folder, trials[-1].number, claims)
        return trials

    def _run(
        self,
        study: "optuna.Study",
        fixed: Sequence[str],
        trials: "Sequence[optuna.Trial | FrozenTrial]",
        folder: Path,
    ) -> None:
        """Run the jobs of trials, whose numbers they have, and tell the study what came of them."""
        assert self.launcher is not None
        jobs = {
            trial.number: [*fixed, *(f"{key}={value}" for key, value in trial.params.items())]
            for trial in trials
            if read_pruned(folder / str(trial.number)) is None  # else stopped between its end and our telling
        }
        self.validate_batch_is_legal(list(jobs.values()))
        done = launch(self.launcher, jobs)
        for trial in trials:
            _tell(study, trial.number, folder, done.get(trial.number))


def _tell(study: "optuna.Study", number: int, folder: Path, done: JobReturn | None) -> None:
    """Tell the study what came of a trial; of a pruned one it knows the objective.  done: None: not run."""
    from optuna.trial import TrialState

    value = float(done.return_value) if done else math.nan  # raises what the job has raised
    if read_pruned(folder / str(number)) is not None:
        study.tell(number, state=TrialState.PRUNED)
    elif math.isnan(value):
        study.tell(number, state=TrialState.FAIL)
    else:
        study.tell(number, value)


def _tpe(seed: int | None) -> "optuna.samplers.TPESampler":
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed)


def _with_all(
    study: "optuna.Study", trial: "FrozenTrial", space: "Mapping[str, BaseDistribution]"
) -> "optuna.Trial | FrozenTrial":
    """The trial with a value for each option: a process that was killed may have chosen only some."""
    if trial.params.keys() >= space.keys():
        return trial
    from optuna import Trial

    begun = Trial(study, trial._trial_id)
    for key, part in space.items():
        begun._suggest(key, part)  # as ask does
    return begun
