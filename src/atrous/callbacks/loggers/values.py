"""The run's own file of logged values."""

import json
import math
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from atrous.run_folder import VALUES, read_values
from atrous.whole import write_whole


class Values(Logger):
    """Every logged value, in values.jsonl: a JSON object a line, with the optimizer step, counted from 1.

    The file is whole to its last line when the run is killed; a run that goes on first drops the lines that
    are younger than its checkpoint.  Not a number and infinity are null, as JSON has no words for them.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.num_lines = 0
        self._begun = False

    @property
    def name(self) -> None:
        """None: it makes no folder."""

    @property
    def version(self) -> None:
        """None."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a line."""
        if not self._begun:
            self._begin()
        finite = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
        with (self.folder / VALUES).open("a") as file:
            file.write(json.dumps({"step": (step or 0) + 1, **finite}) + "\n")
        self.num_lines += 1

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """They are in config.yaml."""

    def _begin(self) -> None:
        kept = [json.dumps(values) + "\n" for values in read_values(self.folder)[: self.num_lines]]
        write_whole(self.folder / VALUES, "".join(kept))
        self.num_lines = len(kept)
        self._begun = True
