"""The table of a sweep: every run with what was varied, ordered by the objective."""

import csv
import math
import os
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from atrous import build


class Leaderboard(Callback):
    """leaderboard.csv in the sweep's folder, largest objective first, written after every run and printed at
    the end.

    A run that failed has no objective, and stands last.  A sweep that goes on keeps the runs before.
    """

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Take up what is there."""
        if _path(config).exists():
            with _path(config).open(newline="") as file:
                rows = list(csv.DictReader(file))
            self.runs = [{**row, "objective": float(row["objective"])} for row in rows]

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Note what a run was and what came of it."""
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            return
        done = job_return.status == JobStatus.COMPLETED
        objective = float(job_return.return_value) if done else math.nan
        given = [override.partition("=") for override in job_return.overrides or []]
        varied = {key: build.REDACTED if build.is_secret(key) else value for key, _, value in given}
        name = Path(config.hydra.runtime.output_dir).name
        before = next((run for run in self.runs if run["run"] == name), None)
        if before is not None and math.isnan(objective):
            return  # what was computed stays
        self.runs = [run for run in self.runs if run["run"] != name]
        self.runs.append({"objective": objective, **varied, "run": name})
        self.runs.sort(key=lambda run: (math.isnan(run["objective"]), -run["objective"]))
        whole = _path(config).with_name(".leaderboard.tmp")
        with whole.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns())
            writer.writeheader()
            writer.writerows(self.runs)
        os.replace(whole, _path(config))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the table."""
        from rich.console import Console
        from rich.table import Table

        title = f"{config.objective}, largest first: {_path(config)}"
        varied = [column for column in self._columns() if len({run.get(column) for run in self.runs}) > 1]
        columns = list(dict.fromkeys(["objective", *varied, "run"]))
        table = Table(*columns, title=title, title_justify="left")
        for run in self.runs:
            cells = {**run, "objective": f"{run['objective']:.4f}"}
            table.add_row(*(str(cells.get(column, "")) for column in columns))
        Console().print(table)

    def _columns(self) -> list[str]:
        return list(dict.fromkeys(column for run in self.runs for column in run))


def _path(config: DictConfig) -> Path:
    return Path(config.hydra.sweep.dir) / "leaderboard.csv"
