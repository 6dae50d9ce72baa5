"""Work on threads of its own, while the device goes on."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Result = TypeVar("Result")

NUM_THREADS = 2


class Background(Generic[Result]):
    """Runs a piece of work a picture, and keeps what it returns, in the order of ``submit``.

    limit: pieces that wait or run; ``submit`` waits for the oldest, so that memory does not grow with their
        number.
    """

    def __init__(self, num_threads: int = NUM_THREADS, limit: int = 2 * NUM_THREADS) -> None:
        self.limit = limit
        self._pool = ThreadPoolExecutor(num_threads)  # starts a thread when there is work for it
        self._pending: deque[tuple[str, Future[Result]]] = deque()
        self._results: list[Result] = []

    def submit(self, name: str, work: Callable[[], Result]) -> None:
        """Have a picture's work done.  Raises what an earlier one raised, with the name of its picture."""
        while len(self._pending) >= self.limit:
            self._take()
        self._pending.append((name, self._pool.submit(work)))

    def finish(self) -> list[Result]:
        """Wait for all, end the threads and hand the results over.  Raises as ``submit``."""
        try:
            while self._pending:
                self._take()
        finally:
            self._pool.shutdown(cancel_futures=True)
        return self._results

    def _take(self) -> None:
        name, future = self._pending.popleft()
        try:
            self._results.append(future.result())
        except Exception as error:
            error.add_note(f"picture '{name}'")
            raise
