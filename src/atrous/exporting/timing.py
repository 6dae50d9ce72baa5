"""How long a file takes for a picture, beside the network that it came from."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from atrous.compiling import compiled
from atrous.exporting.formats import Pixels, Run
from atrous.exporting.graph import Graph
from atrous.exporting.parity import Sample
from atrous.exporting.to_torch import run_by

WARM_UP = 3  # runs before any is timed: memory is allocated, graphs are optimised


class Latency(NamedTuple):
    """Milliseconds of one run: the median, and what 95 of 100 runs stay below."""

    median: float
    p95: float


@dataclass(frozen=True)
class Speeds:
    """How long each took for a picture of ``size``, (H, W); none, where nothing was timed."""

    size: tuple[int, int]
    num_threads: int
    milliseconds: Mapping[str, Latency]

    def plain(self) -> dict[str, Any]:
        """Plain data."""
        times = {name: each._asdict() for name, each in self.milliseconds.items()}
        return {"size": list(self.size), "num_threads": self.num_threads, "milliseconds": times}


@dataclass(frozen=True)
class Timing:
    """repetitions: of each run; 0: nothing is timed.  compiles: whether torch.compile's is timed, too."""

    repetitions: int
    num_threads: int
    compiles: bool = False

    def of(self, graph: Graph, exported: Run, samples: Callable[[], Iterable[Sample]]) -> Speeds:
        """Time the network and the file on the first picture."""
        image = next(iter(samples())).image
        runs = {"eager": run_by(graph)}
        if self.compiles:
            runs["torch.compile"] = run_by(compiled(graph))
        runs["exported"] = exported
        times = latencies(runs, image, self.repetitions) if self.repetitions else {}
        return Speeds((image.shape[0], image.shape[1]), self.num_threads, times)


def latencies(runs: Mapping[str, Run], image: Pixels, repetitions: int) -> dict[str, Latency]:
    """Of each run on one picture, uint8 (H, W, 3); they take turns, so that a busy machine hits all."""
    images = np.ascontiguousarray(image[None])
    for run in runs.values():
        for _ in range(WARM_UP):
            run(images)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repetitions):
        for name, run in runs.items():
            start = time.perf_counter()
            run(images)
            seconds[name].append(time.perf_counter() - start)
    return {
        name: Latency(1e3 * statistics.median(each), 1e3 * float(np.percentile(each, 95)))
        for name, each in seconds.items()
    }
