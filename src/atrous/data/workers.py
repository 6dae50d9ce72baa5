"""What a loader's worker process is told at its start."""

import multiprocessing
import signal
from multiprocessing.util import Finalize
from types import FrameType

import cv2

from atrous.siblings import SIGNALS


class Prepared:
    """Lets signals pass that reach a worker too, from a terminal or a scheduler: they are the run's.

    A worker that ended by them would take the run's next batches with it.  At the end of the run it ends by
    the SIGTERM that Python sends it then.
    """

    def __init__(self) -> None:
        self.ending = multiprocessing.Value("b", 0, lock=False)
        Finalize(None, self._end, exitpriority=0)

    def __call__(self, worker: int) -> None:
        """Called in the worker."""
        cv2.setNumThreads(0)  # OpenCV would start a thread a core in every worker
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_sigterm)

    def _end(self) -> None:
        self.ending.value = 1

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        if self.ending.value:
            raise SystemExit(128 + number)
