"""What the sweepers have in common: runs with numbers of their own, each claimed by one process, launched."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from atrous import build
from atrous.settings import settings
from atrous.sweeps.folder import Outcome, claim, given

Job = Sequence[str]  # its options

DIRECTIONS = ("maximize", "minimize")


def require_sweep(config: DictConfig, direction: str, **numbers: int | None) -> None:
    """Raises ValueError: a direction that is none, a number that is none, folders that are not numbers.

    numbers: options of the sweeper that are whole numbers from 1; None is left to the sweeper.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"hydra.sweeper.direction={direction}: expected maximize or minimize")
    for key, value in numbers.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ValueError(f"hydra.sweeper.{key}={value}: expected a whole number, 1 or more")
    for override in config.hydra.get("overrides", {}).get("hydra", []):
        if override.startswith("hydra.sweep.subdir="):
            raise ValueError(
                f"{override}: the runs of a sweep lie in folders of their numbers, by which it goes on; "
                "leave it out"
            )


def metric(config: DictConfig) -> str:
    """What a sweep is ordered by; other commands than train have no such thing."""
    return str(config.get("objective", ""))


def overrides(parser: OverridesParser, params: Mapping[str, str], arguments: Sequence[str]) -> list[Override]:
    """The options of a sweep: its params, but for what the command line says of the same key, and these."""
    said = parser.parse_overrides(list(arguments))
    keys = {(each.key_or_group, each.package) for each in said}
    own = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
    return [each for each in own if (each.key_or_group, each.package) not in keys] + said


def options(job: Job) -> dict[str, str]:
    """Those of a job by their keys, without secrets."""
    return given(build.without_secrets(job))


def numbered(jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> dict[int, Job]:
    """The jobs by their numbers: that of the run with the same options, else the next that is free.

    What changes nothing of a run (atrous.settings) makes no other run.
    """
    left = [(int(each.run), settings(each.given)) for each in outcomes if each.run.isdecimal()]
    taken = {number for number, _ in left}
    free = (number for number in range(len(taken) + len(jobs)) if number not in taken)
    found: dict[int, Job] = {}
    for job in jobs:
        own = settings(options(job))
        same = next(((number, known) for number, known in left if known == own), None)
        if same is not None:
            left.remove(same)
        found[next(free) if same is None else same[0]] = job
    return found


def claimed(folder: Path, number: int, claims: ExitStack) -> bool:
    """Whether this process may work on a run, which it then has until ``claims`` ends.

    To be called ``alone`` (atrous.sweeps.folder).
    """
    held = claim(folder, str(number))
    if held is not None:
        claims.enter_context(held)
    return held is not None


def launch(launcher: Launcher, jobs: Mapping[int, Job]) -> dict[int, JobReturn]:
    """Run the jobs, each in the folder of its number, and wait for all."""
    if not jobs:
        return {}
    placed = [[*job, f"hydra.sweep.subdir={number}"] for number, job in jobs.items()]
    return dict(zip(jobs, launcher.launch(placed, initial_job_idx=min(jobs)), strict=True))
