"""A sweep as a whole: who may begin it, and which of its runs failed."""

import math
import signal
import sys
import uuid
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from atrous import launching
from atrous.answering import stop


class Failed(float):
    """What a run of a sweep returns that failed: nan, as an objective may be that nobody could compute."""

    def __new__(cls, value: float = math.nan) -> "Failed":
        """The value is there for pickle."""
        return super().__new__(cls, value)


class Sweep(Callback):
    """Ends a sweep with the numbers of the runs that failed, wherever they ran, and status 1.

    Launchers take a copy of it to other processes and machines, which share nothing but the sweep's folder:
    there each failure leaves a mark, of a name that no other sweep in the folder has.
    """

    def __init__(self) -> None:
        self.mark = f".failed-{uuid.uuid4().hex}-"

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse to be one of several; let SIGTERM end what launchers have started, as Ctrl-C does."""
        if launching.is_one_of_several():
            stop(
                "a sweep is started once and starts its runs itself, and this is one of several processes of "
                "srun or torchrun: start it without them (docs/scale.md)"
            )
        signal.signal(signal.SIGTERM, _end)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Leave a mark."""
        if job_return.status == JobStatus.COMPLETED and isinstance(job_return.return_value, Failed):
            run = Path(config.hydra.runtime.output_dir).name
            Path(config.hydra.sweep.dir, f"{self.mark}{run}").touch()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Collect the marks."""
        marks = list(Path(config.hydra.sweep.dir).glob(f"{self.mark}*"))
        failed = sorted(
            (mark.name.removeprefix(self.mark) for mark in marks), key=lambda run: (len(run), run)
        )
        for mark in marks:
            mark.unlink()
        if failed:
            stop(f"{len(failed)} of the sweep's runs failed: {', '.join(failed)}")


def _end(number: int, frame: Any) -> NoReturn:
    sys.exit(128 + number)
