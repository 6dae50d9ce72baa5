"""Looking at all pairs on all cores; what was read before an interruption is kept."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

import cv2

from atrous.data.inspection.look import Record, look
from atrous.data.label_formats import LabelFormat
from atrous.data.layouts.pairs import Pair
from atrous.labels import LabelSet

CHUNK = 8  # pictures that a worker is handed at a time


def scan(
    pairs: Sequence[tuple[str, Pair]],
    labels: LabelSet,
    label_format: LabelFormat,
    sign: bool,
    num_workers: int | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Record], bool]:
    """Records of (split, pair), in their order, and whether they are all.

    num_workers: processes; None: a core each; 0: none but this one.
    tell: is told how many pictures have been read, and of how many.
    An interruption (Ctrl-C) ends the reading, and what was read, or handed to a process, comes back.
    """
    chunks = [pairs[start : start + CHUNK] for start in range(0, len(pairs), CHUNK)]
    num_workers = min(num_workers if num_workers is not None else os.cpu_count() or 1, len(chunks))
    found: dict[int, list[Record]] = {}

    def take(index: int, records: list[Record]) -> None:
        found[index] = records
        tell(sum(map(len, found.values())), len(pairs))

    complete = True
    try:
        work = _in_processes if num_workers > 1 else _here
        work(chunks, (labels, label_format, sign), num_workers, take)
    except KeyboardInterrupt:
        complete = False
    except BrokenProcessPool:
        raise ValueError(
            "a process that reads pictures was ended from outside, most likely for want of memory; lower "
            "data.num_workers"
        ) from None
    return [record for index in sorted(found) for record in found[index]], complete


_What = tuple[LabelSet, LabelFormat, bool]
_Chunk = Sequence[tuple[str, Pair]]
_Take = Callable[[int, list[Record]], None]


def _here(chunks: Sequence[_Chunk], what: _What, num_workers: int, take: _Take) -> None:
    for index, chunk in enumerate(chunks):
        take(index, _look_at(chunk, what))


def _in_processes(chunks: Sequence[_Chunk], what: _What, num_workers: int, take: _Take) -> None:
    futures: dict[Future[list[Record]], int] = {}
    # Spawned: a forked process may hang on locks that a thread of this one held.
    with ProcessPoolExecutor(num_workers, get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
        try:
            with _uninterrupted():
                futures |= {pool.submit(_look_at, chunk, what): index for index, chunk in enumerate(chunks)}
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


def _look_at(chunk: _Chunk, what: _What) -> list[Record]:
    return [look(split, pair, *what) for split, pair in chunk]


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes that start here never hear Ctrl-C; the one that starts them hears it after this."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
