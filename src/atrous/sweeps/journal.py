"""The file of a study, which a full disk must not make unreadable."""

import os
from pathlib import Path

from optuna.storages.journal import JournalFileSymlinkLock


class WholeLines(JournalFileSymlinkLock):
    """Optuna's lock of a journal, which first takes away half a line that a full disk has left at its end.

    What is written next would join it, and nobody could read either.
    """

    def __init__(self, filepath: str) -> None:
        super().__init__(filepath)
        self.path = Path(filepath)

    def acquire(self) -> bool:
        """Wait for the lock, which is only taken to write."""
        acquired = super().acquire()
        with self.path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            if size and file.read() != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        return acquired
