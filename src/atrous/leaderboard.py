"""The table of a sweep: every run with what was varied, ordered by the objective."""

import csv
import math
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class Leaderboard(Callback):
    """Writes leaderboard.csv into the sweep's folder and prints it, best run first."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Note what a run was and what came of it."""
        done = job_return.status == JobStatus.COMPLETED
        objective = float(job_return.return_value) if done else math.nan
        varied = dict(override.split("=", 1) for override in job_return.overrides or [])
        folder = Path(config.hydra.runtime.output_dir)
        self.runs.append({"objective": objective, **varied, "run": folder.name})

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Order, write, print."""
        from rich.console import Console
        from rich.table import Table

        # nan sorts last
        runs = sorted(self.runs, key=lambda run: (math.isnan(run["objective"]), -run["objective"]))
        columns = list(dict.fromkeys(column for run in runs for column in run))
        path = Path(config.hydra.sweep.dir) / "leaderboard.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(runs)
        table = Table(*columns, title=f"{config.objective}, best first: {path}", title_justify="left")
        for run in runs:
            cells = {**run, "objective": f"{run['objective']:.4f}"}
            table.add_row(*(str(cells.get(column, "")) for column in columns))
        Console().print(table)
