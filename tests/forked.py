"""Commands in processes that are forked from one which has imported everything: each begins at once."""

import atexit
import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import torch

from atrous import launching

HERE = Path(__file__).parent


def run(
    args: Sequence[str], folder: Path, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run ``python <args>`` to its end, as subprocess.run."""
    with tempfile.TemporaryDirectory() as kept:
        stdout, stderr = Path(kept, "stdout"), Path(kept, "stderr")
        process = start(args, folder, env, stdout, stderr)
        process.join(timeout)
        if process.exitcode is None:
            assert process.pid is not None
            os.killpg(process.pid, signal.SIGKILL)
            process.join()
            raise subprocess.TimeoutExpired(list(args), timeout, stdout.read_text(), stderr.read_text())
        said = [path.read_text() if path.exists() else "" for path in (stdout, stderr)]
        return subprocess.CompletedProcess(list(args), process.exitcode, *said)


def ranks(folder: Path) -> list[dict[str, str]]:
    """What two processes of one run find in their environments, as launching.launch starts them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {launching.FOLDER: tempfile.mkdtemp(dir=folder), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [{**shared, "LOCAL_RANK": str(rank)} for rank in range(2)]


def start(
    args: Sequence[str], folder: Path, env: Mapping[str, str], stdout: Path, stderr: Path | None = None
) -> ForkServerProcess:
    """Start ``python <args>`` in ``folder``, with nothing of this process' environment.

    args: as python takes them: a script and its arguments, or -m, a module and its arguments.
    stderr: None: into ``stdout``, too.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["preloaded"])
    with pytest.MonkeyPatch.context() as patch:  # it learns only by its environment where to look
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH")))))
        forkserver.ensure_running()
    given = (list(args), str(folder), dict(env), str(stdout), str(stderr or stdout))
    process = context.Process(target=_main, args=given)
    process.start()
    return process


def _main(args: list[str], folder: str, env: dict[str, str], stdout: str, stderr: str) -> None:
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # asks the environment again
    for number, path in ((1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    torch.set_num_threads(int(env.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    sys.path[:0] = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    try:
        if args[0] == "-m":
            sys.argv = args[1:]
            runpy.run_module(args[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = args
            sys.path.insert(0, str(Path(args[0]).parent))
            runpy.run_path(args[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # which multiprocessing leaves out
