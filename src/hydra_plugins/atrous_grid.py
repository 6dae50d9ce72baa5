"""A sweep over every combination of the values given, as Hydra's own, that goes on where it was stopped.

Several processes may share it.  Nothing but the runs is written: Hydra's multirun.yaml would hold the command
line with its secrets.  Hydra takes a sweeper from the package hydra_plugins alone.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from atrous.sweeps.folder import (
    FAILED,
    FINISHED,
    Outcome,
    alone,
    outcomes,
    read_outcomes,
    require_own,
    write_outcome,
)
from atrous.sweeps.runs import Job, claimed, launch, metric, numbered, options, overrides, require_sweep

# By its name: Hydra loads its plug-ins anew, so that one class may be there twice.
ONE_BY_ONE = f"{BasicLauncher.__module__}.{BasicLauncher.__qualname__}"


class GridSweeper(Sweeper):
    """Runs all combinations; with resume=auto those that are not finished and nobody else is at work on.

    params: key -> values, beside what the command line gives.
    num_parallel: runs that the launcher gets at once; None: all, or one from a launcher that runs one after
        another anyway, so that other processes find something to do.
    direction: of the leaderboard; maximize: the largest objective first.
    """

    def __init__(
        self,
        params: Mapping[str, str] | None = None,
        num_parallel: int | None = None,
        direction: Literal["maximize", "minimize"] = "maximize",
    ) -> None:
        self.params = dict(params or {})
        self.num_parallel = num_parallel
        self.direction = direction
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
        assert self.config is not None
        assert self.launcher is not None
        require_sweep(self.config, self.direction, num_parallel=self.num_parallel)
        folder = Path(self.config.hydra.sweep.dir)
        require_own(folder, self.config.get("resume"), metric(self.config))
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        (jobs,) = BasicSweeper.split_arguments(overrides(parser, self.params, arguments), None)
        self.validate_batch_is_legal(jobs)
        failed = {each.run for each in read_outcomes(folder) if each.state == FAILED}
        left: dict[int, Job] = dict(enumerate(jobs))
        while left:
            with ExitStack() as claims:
                chosen = self._choose(folder, jobs, left, failed, claims)
                if not chosen:
                    return  # others are at work on what is left
                for done in launch(self.launcher, chosen).values():
                    _ = done.return_value  # raises what the job has raised

    def _choose(
        self, folder: Path, jobs: Sequence[Job], left: dict[int, Job], failed: set[str], claims: ExitStack
    ) -> dict[int, Job]:
        """Jobs for the launcher: not finished, and nobody is at work on them; their numbers are theirs now.

        left: by their places, those that this process has not begun; what is chosen is taken away.
        failed: the runs that get another try; those that fail meanwhile, wherever, get none.
        """
        assert self.config is not None
        one_by_one = self.config.hydra.launcher._target_ == ONE_BY_ONE
        most = self.num_parallel or (1 if one_by_one else len(jobs))
        chosen: dict[int, Job] = {}
        with alone(folder):
            known = outcomes(folder)
            over = {each.run for each in known if each.state == FINISHED}
            over |= {each.run for each in known if each.state == FAILED} - failed
            for place, (number, job) in enumerate(numbered(jobs, known).items()):
                free = place in left and str(number) not in over
                if free and len(chosen) < most and claimed(folder, number, claims):
                    write_outcome(folder, Outcome(str(number), options(job), metric=metric(self.config)))
                    chosen[number] = left.pop(place)
        return chosen
