"""Work on many pictures on all cores, with a bar; what was done before an interruption is kept."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # microseconds of processor time in so many of the clock
CHUNK = 8  # items that a process is handed at a time


def available_cores() -> int:
    """The processor cores that this process may use: on a shared machine, or in a container, not all."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_LIMIT.read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no such limit ("max"), or another system
        return cores


Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Sequence[Item]], list[Result]]
Take = Callable[[int, list[Result]], None]


def spread(
    work: Work[Item, Result],
    items: Sequence[Item],
    num_workers: int | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Result], bool]:
    """What ``work`` makes of the items, a list of a result each, in their order; and whether they are all.

    work: can be pickled.
    num_workers: processes; None: a core each; 0: none but this one.
    tell: is told how many items are done, and of how many.
    An interruption (Ctrl-C) ends this, and what was done, or handed to a process, comes back.
    Raises ValueError: a process was killed.
    """
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    num_workers = min(num_workers if num_workers is not None else available_cores(), len(chunks))
    found: dict[int, list[Result]] = {}

    def take(index: int, results: list[Result]) -> None:
        found[index] = results
        tell(sum(map(len, found.values())), len(items))

    complete = True
    try:
        if num_workers > 1:
            _in_processes(work, chunks, num_workers, take)
        else:
            for index, chunk in enumerate(chunks):
                take(index, work(chunk))
    except KeyboardInterrupt:
        complete = False
    except BrokenProcessPool:
        raise ValueError(
            "a process that reads pictures was ended from outside, most likely for want of memory; lower "
            "data.num_workers"
        ) from None
    return [result for index in sorted(found) for result in found[index]], complete


def _in_processes(
    work: Work[Item, Result], chunks: Sequence[Sequence[Item]], num_workers: int, take: Take[Result]
) -> None:
    futures: dict[Future[list[Result]], int] = {}
    # Spawned: a forked process may hang on locks that a thread of this one held.
    with ProcessPoolExecutor(num_workers, get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
        try:
            with _uninterrupted():
                futures |= {pool.submit(work, chunk): index for index, chunk in enumerate(chunks)}
            for future in as_completed(futures):
                take(futures[future], future.result())
        except KeyboardInterrupt:
            print("interrupted: waiting for the pictures that are being read", flush=True)
            pool.shutdown(wait=True, cancel_futures=True)
            for future, index in futures.items():
                if not future.cancelled() and future.exception() is None:
                    take(index, future.result())
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes that start here never hear Ctrl-C; the one that starts them hears it after this."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar, and what is to be told how many are done, and of how many."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
