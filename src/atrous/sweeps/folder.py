"""What lies in the folder of a sweep: a folder a run, with what came of it, and who is at work on which.

Standard library only.
"""

import fcntl
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from atrous.whole import write_whole

STUDY = "study.journal"  # of a sweep by Optuna
LEADERBOARD, PAGE = "leaderboard.csv", "sweep.html"
OUTCOME, PRUNED = "outcome.json", "pruned.json"  # in the folder of a run
RUNNING, STOPPED, FINISHED, PRUNED_STATE, FAILED = "running", "stopped", "finished", "pruned", "failed"


@dataclass(frozen=True)
class Outcome:
    """What came of a run of a sweep.

    run: the name of its folder.  given: its options, without secrets.
    state: running, stopped (nobody is at work on it), finished, pruned or failed.
    objective: nan: there is none.  Of a pruned run it is the last that was seen.
    metric: what the objective is of, as val/miou; older sweeps did not note it.
    """

    run: str
    given: Mapping[str, str]
    state: str = RUNNING
    objective: float = math.nan
    metric: str = ""


def given(overrides: Sequence[str]) -> dict[str, str]:
    """Options of a run by their keys; one that takes something away, ~KEY, has no value."""
    found = {}
    for key, _, value in (override.partition("=") for override in overrides):
        bare = key.lstrip("+~")
        if not bare.startswith("hydra") and bare != "resume":  # which tell of the sweep, not of a run
            found[key] = value
    return found


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write what is known of a run of the sweep in ``folder``."""
    about = {key: value for key, value in asdict(outcome).items() if key != "run"}
    if math.isnan(outcome.objective):
        about["objective"] = None  # JSON has no nan
    write_whole(folder / outcome.run / OUTCOME, json.dumps(about, indent=1) + "\n")


def read_outcomes(folder: Path) -> list[Outcome]:
    """What is known of each run of the sweep in ``folder``, in their order."""
    if not folder.is_dir():
        return []
    with alone(folder):
        return outcomes(folder)


def outcomes(folder: Path) -> list[Outcome]:
    """As ``read_outcomes``, to be called ``alone``."""
    found = [_read_outcome(path) for path in folder.glob(f"*/{OUTCOME}")]
    left = {each.run for each in found if each.state == RUNNING and not is_held(folder, each.run)}
    known = [replace(each, state=STOPPED) if each.run in left else each for each in found]
    return sorted(known, key=lambda each: (len(each.run), each.run))


def is_finished(run: Path) -> bool:
    """Whether the run in this folder has come to its end, with an objective."""
    path = run / OUTCOME
    return path.exists() and _read_outcome(path).state == FINISHED


def _read_outcome(path: Path) -> Outcome:
    about = json.loads(path.read_text())
    if about["objective"] is None:
        about["objective"] = math.nan
    if (pruned := read_pruned(path.parent)) and about["state"] == RUNNING:
        about |= {"state": PRUNED_STATE, "objective": pruned["objective"]}
    return Outcome(path.parent.name, **about)


def write_pruned(folder: Path, step: int, objective: float) -> None:
    """Note in the folder of a run that it was pruned after ``step`` steps."""
    write_whole(folder / PRUNED, json.dumps({"step": step, "objective": objective}) + "\n")


def read_pruned(folder: Path) -> dict[str, Any] | None:
    """The step after which the run in ``folder`` was pruned, and its objective then; None: it was not."""
    path = folder / PRUNED
    return dict(json.loads(path.read_text())) if path.exists() else None


def require_own(folder: Path, resume: str | None, metric: str, by_optuna: bool = False) -> None:
    """Raises ValueError: the folder holds a sweep, and this one would not go on with it."""
    has_study = (folder / STUDY).exists()
    if not has_study and not any(folder.glob(f"*/{OUTCOME}")):
        return
    if resume != "auto":
        raise ValueError(
            f"hydra.sweep.dir={folder}: holds a sweep already; resume=auto goes on with it, or choose "
            "another folder"
        )
    if has_study != by_optuna:
        raise ValueError(
            f"hydra.sweep.dir={folder}: holds a {'sweep by Optuna' if has_study else 'grid'}, and this is "
            "none; give what it was begun with, or choose another folder"
        )
    for known in {each.metric for each in read_outcomes(folder)} - {"", metric}:
        raise ValueError(
            f"objective={metric}: the runs in hydra.sweep.dir={folder} are ordered by {known}; give this, or "
            "choose another folder"
        )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While no other process looks who is at work on what, and chooses."""
    with _lock_file(folder, "choosing") as file:
        _lock(file, fcntl.LOCK_EX)
        yield


def claim(folder: Path, run: str) -> IO[str] | None:
    """Claim a run until the file is closed; None: somebody is at work on it.  To be called ``alone``."""
    file = _lock_file(folder, run)
    try:
        _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    _lock(file, fcntl.LOCK_SH)
    return file


def hold(folder: Path, run: str) -> IO[str]:
    """Hold a run until the file is closed, beside the process that has claimed it and may end before."""
    file = _lock_file(folder, run)
    _lock(file, fcntl.LOCK_SH)
    return file


def is_held(folder: Path, run: str) -> bool:
    """Whether a living process is at work on a run.  To be called ``alone``."""
    file = claim(folder, run)
    if file is not None:
        file.close()
    return file is None


def _lock(file: IO[str], how: int) -> None:
    """Raises ValueError: there are no locks here.  Raises BlockingIOError: another process has it."""
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        raise
    except OSError as error:
        file.close()
        raise ValueError(
            f"hydra.sweep.dir={Path(file.name).parent.parent}: its file system has no locks "
            f"({error.strerror}), by which processes share a sweep; choose a folder on another one"
        ) from error


def _lock_file(folder: Path, name: str) -> IO[str]:
    path = folder / ".locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+")  # to be read too: NFS gives nobody a shared lock on a file for writing alone
