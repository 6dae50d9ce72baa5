"""A sink as Lightning's trainer takes loggers, whose failure ends no run."""

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_warn

from atrous.callbacks.loggers.sink import Run, Sink


class Recorder(Logger):
    """Hands on to a sink, in the process where it was begun.

    What a sink raises is told once, and the training goes on: its values are in values.jsonl in any case.
    One that cannot begin is left out.
    """

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink = sink
        self.code = 1  # exit status of a run that fails
        self._is_open = False
        self._has_failed = False

    @property
    def name(self) -> None:
        """None: it makes no folder."""

    @property
    def version(self) -> None:
        """None."""

    def begin(self, run: Run, step: int) -> None:
        """Begin the run, or go on with it after ``step``; called in the first process alone."""
        self._is_open = True
        self._is_open = self.record(lambda sink: sink.begin(run, step))

    def record(self, hand_on: Callable[[Sink], None]) -> bool:
        """Hand something on, where it was begun, and return whether the sink took it."""
        if not self._is_open:
            return False
        try:
            hand_on(self.sink)
        except Exception as error:  # of any library, network or disk: none is worth a training
            if not self._has_failed:
                name = type(self.sink).__name__
                rank_zero_warn(
                    f"logger {name}: {type(error).__name__}: {error}; the training goes on, with every value "
                    "in values.jsonl; further failures of this logger are not told"
                )
            self._has_failed = True
            return False
        return True

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Hand on; Lightning counts the steps that were done before."""
        self.record(lambda sink: sink.values(metrics, (step or 0) + 1))

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """They come with ``begin``."""

    def finalize(self, status: str) -> None:
        """Close the sink."""
        self.record(lambda sink: sink.end(0 if status == "success" else self.code))
        self._is_open = False
