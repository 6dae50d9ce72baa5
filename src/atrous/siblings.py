"""What processes of one run that were started together know of each other, and the signals that end a run.

Standard library only.
"""

import os
import signal
from pathlib import Path

FOLDER = "ATROUS_PROCESSES"  # shared by them: who failed first, what was returned
SWEEP = "ATROUS_SWEEP"  # the name of the sweep that a run is part of

# Ctrl-C; most schedulers, some time before they kill; SLURM, by --signal=USR1@120.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
STOPPED = tuple(128 + number for number in SIGNALS)  # exit statuses of a run that one of them has ended


def is_first_to_fail() -> bool:
    """Whether no other process of this launch has failed: its error is the one to tell.

    The others fail because of it: they lose the connection, or find the same wrong input.
    """
    return FOLDER not in os.environ or claim(Path(os.environ[FOLDER]), str(os.getpid()))


def claim(folder: Path, name: str) -> bool:
    """Whether ``name`` is the first that has claimed to have failed."""
    first = folder / f"failed-{name}"
    try:
        first.touch()
        os.link(first, first.with_name("failed"))  # one of them succeeds, and names itself with it
    except FileExistsError:
        return first.samefile(first.with_name("failed"))
    except OSError:  # the folder went with who started this process
        return True
    return True
