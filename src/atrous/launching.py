"""Commands in processes of their own: one for each device of a run, one for each run of a sweep.

The process that starts them waits and does nothing else, so that whatever happens to one of them ends the
others too, even a kill, and the first error is told once.  Standard library only.
"""

import functools
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from atrous.siblings import FOLDER, SIGNALS, STOPPED, SWEEP, claim, is_first_to_fail

__all__ = [
    "FOLDER",
    "STOPPED",
    "SWEEP",
    "Outcome",
    "end_with_launcher",
    "end_with_parent",
    "hand_over",
    "is_first_to_fail",
    "is_launched",
    "is_one_of_several",
    "is_task_of_slurm",
    "launch",
    "let_others_tell",
]

PATIENCE = 15.0  # seconds that the others get to end by themselves after one has failed
FAREWELL = 120.0  # after one was told to end: all were, and the first still sends what its loggers have
POLL = 0.1  # seconds
SHELLS = ("bash", "interactive")  # SLURM's names of jobs that are a shell to type in


@dataclass(frozen=True)
class Outcome:
    """What became of a command.

    code: its exit status, as a shell says it: 128 and the signal for a process that was killed.
    value: what the command returned; nan where it failed.
    """

    code: int
    value: float


def launch(commands: Sequence[Sequence[str]]) -> Outcome:
    """Run the processes of one run, each by its command line, and wait for all of them.

    Each learns by LOCAL_RANK, MASTER_ADDR and MASTER_PORT which it is, as torch.distributed expects.
    """
    folder = Path(tempfile.mkdtemp(prefix="atrous-"))
    try:
        started = [
            subprocess.Popen(command, env=_environment(folder, rank, len(commands)))
            for rank, command in enumerate(commands)
        ]
        with _handing_on(started):
            code = _wait(started, folder)
        return Outcome(code, _value(folder) if code == 0 else math.nan)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path, rank: int, num_processes: int) -> Mapping[str, str]:
    own = {**os.environ, FOLDER: str(folder)}
    if num_processes > 1:
        port = os.environ.get("MASTER_PORT") or _port(folder)
        own |= {"LOCAL_RANK": str(rank), "MASTER_ADDR": os.environ.get("MASTER_ADDR", "127.0.0.1")}
        own |= {"MASTER_PORT": port}
    return own


def _port(folder: Path) -> str:
    """A free port, the same for all processes of the launch."""
    noted = folder / "port"
    if not noted.exists():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            noted.write_text(str(probe.getsockname()[1]))
    return noted.read_text()


@contextmanager
def _handing_on(started: Sequence["subprocess.Popen[bytes]"]) -> Iterator[None]:
    """Hand the signals on; Ctrl-C reaches all processes of a terminal by itself."""

    def hand_on(number: int, frame: FrameType | None) -> None:
        for process in started:
            process.send_signal(number)

    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = {number: signal.signal(number, hand_on) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(started: Sequence["subprocess.Popen[bytes]"], folder: Path) -> int:
    """The exit status of the first process that fails, after the end of all; 0: none failed."""
    failed, deadline = 0, math.inf
    while any([process.poll() is None for process in started]):  # a list: each is polled
        failed = failed or _failed(started, folder)
        if failed and deadline == math.inf:
            deadline = time.monotonic() + (FAREWELL if failed in STOPPED else PATIENCE)
        if time.monotonic() > deadline:
            for process in started:
                process.kill()
        time.sleep(POLL)
    return failed or _failed(started, folder)


def _failed(started: Sequence["subprocess.Popen[bytes]"], folder: Path) -> int:
    """The exit status of a process that has failed; of several a signal's, which may be their cause."""
    codes = [code if code >= 0 else 128 - code for code in (process.returncode or 0 for process in started)]
    ended = [code for code in codes if code in STOPPED] or [code for code in codes if code]
    killed = [rank for rank, process in enumerate(started) if (process.returncode or 0) < 0]
    if killed and claim(folder, "launcher"):
        number = -(started[killed[0]].returncode or 0)
        often = ", which is often the end of the memory" if number == signal.SIGKILL else ""
        name = signal.Signals(number).name
        print(f"atrous: process {killed[0]} was ended by {name}{often}", file=sys.stderr)
    return ended[0] if ended else 0


def _value(folder: Path) -> float:
    result = folder / "value"
    return float(json.loads(result.read_text())) if result.exists() else math.nan


def is_launched() -> bool:
    """Whether this process was started by ``launch``, or as one of several by srun, torchrun or the like."""
    return FOLDER in os.environ or is_one_of_several()


def is_one_of_several() -> bool:
    """Whether another program has started this process for each device of a run."""
    return "LOCAL_RANK" in os.environ or (is_task_of_slurm() and int(os.environ["SLURM_STEP_NUM_TASKS"]) > 1)


def is_task_of_slurm() -> bool:
    """Whether srun has started this process: a batch script knows the tasks' number and is none of them."""
    return "SLURM_STEP_NUM_TASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in SHELLS


def hand_over(value: Any) -> None:
    """Tell who launched this process what its command returned."""
    if FOLDER in os.environ and os.environ.get("LOCAL_RANK", "0") == "0":
        (Path(os.environ[FOLDER]) / "value").write_text(json.dumps(math.nan if value is None else value))


def let_others_tell() -> None:
    """Wait a moment: an error that nobody expected may be another process's end, which is then told."""
    if FOLDER in os.environ and "LOCAL_RANK" in os.environ:
        time.sleep(10 * POLL)


def end_with_launcher() -> None:
    """End a process that was launched when the one that launched it is gone: nobody would end it else."""
    if FOLDER in os.environ:
        end_with_parent()


@functools.cache  # once is enough
def end_with_parent() -> None:
    """End this process when the one that started it is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        print("atrous: the process that started this one is gone; ending", file=sys.stderr)
        os._exit(1)

    threading.Thread(target=watch, name="launcher-watch", daemon=True).start()
