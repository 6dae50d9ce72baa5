"""The table of a sweep: every run with what was varied, ordered by the objective."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from atrous import build
from atrous.sweeps.folder import (
    FAILED,
    FINISHED,
    LEADERBOARD,
    PRUNED_STATE,
    Outcome,
    hold,
    is_finished,
    read_outcomes,
    read_pruned,
    write_outcome,
)
from atrous.sweeps.runs import metric, options
from atrous.sweeps.studies import Direction
from atrous.sweeps.table import columns, ordered, seeds, short, varied
from atrous.whole import write_whole

FIRST = {"maximize": "largest", "minimize": "smallest"}


class Leaderboard(Callback):
    """leaderboard.csv in the sweep's folder, the best objective first, written after every run; at the end it
    is printed, and becomes a page.

    Everything in it comes from the folders of the runs: other processes and machines may have run them.
    """

    def __init__(self) -> None:
        self._held: IO[str] | None = None

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Note that a run has begun, in the process that runs it."""
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            return
        run = _run(config)
        self._held = hold(run.parent, run.name)
        if not is_finished(run):
            given = options(config.hydra.overrides.task)
            write_outcome(run.parent, Outcome(run.name, given, metric=metric(config)))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Note what came of it."""
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            return
        done = job_return.status == JobStatus.COMPLETED
        objective = float(job_return.return_value) if done else math.nan
        run = _run(config)
        state = PRUNED_STATE if read_pruned(run) else FAILED if math.isnan(objective) else FINISHED
        if state == FINISHED or not is_finished(run):  # what was computed stays
            given = options(job_return.overrides or [])
            write_outcome(run.parent, Outcome(run.name, given, state, objective, metric(config)))
        if self._held is not None:
            self._held.close()
            self._held = None  # launchers take a copy of this to other processes, and no file goes with it
        rows = ordered(read_outcomes(run.parent), _direction(config))
        write_whole(run.parent / LEADERBOARD, _table(rows))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the table, and write the page."""
        folder = Path(config.hydra.sweep.dir)
        rows = ordered(read_outcomes(folder), _direction(config))
        write_whole(folder / LEADERBOARD, _table(rows))
        _print(rows, f"{config.objective}, {FIRST[_direction(config)]} first: {folder / LEADERBOARD}")
        print(f"the sweep's page: {build.sweep_page(folder, rows, config.objective, _direction(config))}")


def _run(config: DictConfig) -> Path:
    return Path(config.hydra.runtime.output_dir)


def _direction(config: DictConfig) -> Direction:
    found: Direction = config.hydra.sweeper.get("direction", "maximize")  # Hydra's own sweepers have none
    return found


def _table(rows: Sequence[Outcome]) -> str:
    """The leaderboard as CSV."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    names = columns(rows)
    writer.writerow(["objective", "state", *names, "run"])
    for row in rows:
        writer.writerow([row.objective, row.state, *(row.given.get(name, "") for name in names), row.run])
    return file.getvalue()


def _print(rows: Sequence[Outcome], title: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    names = varied(rows)
    table = Table("objective", "state", *names, "run", title=title, title_justify="left")
    for row in rows:
        cells = [escape(short(row.given.get(name, ""))) for name in names]
        table.add_row(f"{row.objective:.4f}", row.state, *cells, row.run)
    console = Console()
    console.print(table)
    if groups := seeds(rows):
        names = [name for name in names if name != "seed"]
        summary = Table("mean", "deviation", "seeds", *names, title="over seeds", title_justify="left")
        for group in groups:
            cells = [escape(short(group.given.get(name, ""))) for name in names]
            summary.add_row(f"{group.mean:.4f}", f"{group.deviation:.4f}", str(group.num), *cells)
        console.print(summary)
