"""TensorBoard's event files."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atrous.callbacks.loggers.sink import Kept, Run, Sample, Sink, Validation, flat

FOLDER = "tensorboard"
MONITOR = "val/miou"  # stands in the table of hyper-parameters


class TensorBoard(Sink):
    """Event files in ``folder``/tensorboard; a run that goes on takes back the steps that it makes again.

    Raises ValueError: TensorBoard is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ValueError("logger=tensorboard needs `pip install atrous[tensorboard]`") from error
        self.folder = Path(folder) / FOLDER
        self._make = SummaryWriter
        self._writer: Any = None

    def begin(self, run: Run, step: int) -> None:
        """Open a file, with the config as a text and as hyper-parameters."""
        self._writer = self._make(str(self.folder), purge_step=step + 1)
        about = {"name": run.name, "tags": list(run.tags), "code": dict(run.code), "config": dict(run.config)}
        self._writer.add_text("config", f"```json\n{json.dumps(about, indent=2, default=str)}\n```", step)
        self._log_hyperparameters(run.config)

    def values(self, values: Mapping[str, float], step: int) -> None:
        """A curve each."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def samples(self, samples: Sequence[Sample], step: int) -> None:
        """A row of four pictures each."""
        for sample in samples:
            self._writer.add_image(f"val/pictures/{sample.name}", sample.panel, step, dataformats="HWC")

    def validation(self, validation: Validation, step: int) -> None:
        """The confusion matrix; the scores by class are curves."""
        self._writer.add_image("val/confusion", validation.confusion, step, dataformats="HWC")
        self._writer.flush()

    def checkpoints(self, kept: Sequence[Kept]) -> None:
        """Nothing: it has no place for files."""

    def end(self, code: int) -> None:
        """Close the file."""
        self._writer.close()

    def _log_hyperparameters(self, config: Mapping[str, Any]) -> None:
        """As the writer's add_hparams would in a folder of its own, beside the curves of which one counts."""
        from torch.utils.tensorboard.summary import hparams

        kinds = (bool, int, float, str)
        known = {
            key: value if isinstance(value, kinds) else str(value) for key, value in flat(config).items()
        }
        for summary in hparams(known, {MONITOR: math.nan}):  # type: ignore[no-untyped-call]
            self._writer.file_writer.add_summary(summary)
