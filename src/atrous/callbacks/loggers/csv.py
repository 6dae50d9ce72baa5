"""The logged values as a table that any program opens."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from atrous.callbacks.loggers.sink import Kept, Run, Sample, Sink, Validation
from atrous.run_folder import read_values
from atrous.whole import write_whole

FILE = "values.csv"


class Csv(Sink):
    """values.csv in ``folder``: a row a step, a column a value, made of values.jsonl at every validation.

    A run that goes on goes on in it, without the steps that it makes again.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def begin(self, run: Run, step: int) -> None:
        """Nothing: the values are kept elsewhere."""

    def values(self, values: Mapping[str, float], step: int) -> None:
        """Nothing: they are in values.jsonl by now."""

    def samples(self, samples: Sequence[Sample], step: int) -> None:
        """Nothing: a table has no pictures."""

    def validation(self, validation: Validation, step: int) -> None:
        """Write the table."""
        self._write()

    def checkpoints(self, kept: Sequence[Kept]) -> None:
        """Nothing."""

    def end(self, code: int) -> None:
        """Write the table."""
        self._write()

    def _write(self) -> None:
        rows: dict[int, dict[str, float]] = {}
        for line in read_values(self.folder):  # several a step: of the training, and of the validation
            rows.setdefault(line["step"], {}).update(line)
        columns = dict.fromkeys(name for row in rows.values() for name in row)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(columns))
        writer.writeheader()
        writer.writerows(rows.values())
        write_whole(self.folder / FILE, text.getvalue())
