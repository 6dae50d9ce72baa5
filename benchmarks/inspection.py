"""What `atrous inspect` costs: processor time a pair against reading it alone, and the search for duplicates.

python benchmarks/inspection.py [--quick]

The pairs are 2048x1024 PNGs made here: smooth noise, which costs about what a photograph does to decode, and
blocks of classes.  Both sides run in this process, with the same readers.
"""

import pickle
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from measure import Table, arguments, in_turn, publish

from atrous.data.inspection.scan import scan
from atrous.data.inspection.similar import candidates
from atrous.data.label_formats import INDEX
from atrous.data.layouts.cityscapes import LABEL_SETS
from atrous.data.layouts.pairs import Pair
from atrous.data.reading import read_pair

LABELS = LABEL_SETS[19]


def draw(folder: Path, num_pairs: int) -> list[Pair]:
    """The pairs."""
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(num_pairs):
        pair = Pair(str(index), folder / f"{index}.png", folder / f"{index}_labels.png")
        coarse = rng.integers(0, 256, (64, 128, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (2048, 1024), interpolation=cv2.INTER_CUBIC)
        noise = rng.normal(0, 4, image.shape)
        cv2.imwrite(str(pair.image), np.clip(image + noise, 0, 255).astype(np.uint8))
        blocks = rng.integers(0, 34, (32, 64), dtype=np.uint8)
        cv2.imwrite(str(pair.label), cv2.resize(blocks, (2048, 1024), interpolation=cv2.INTER_NEAREST))
        pairs.append(pair)
    return pairs


def costs(pairs: list[Pair], repetitions: int) -> dict[str, list[float]]:
    """Milliseconds of processor time a pair."""
    named = [("train", pair) for pair in pairs]
    ways: dict[str, Callable[[], object]] = {
        "read alone": lambda: [read_pair(pair, LABELS) for pair in pairs],
        "looked at, one split": lambda: scan(named, LABELS, INDEX, sign=False, num_workers=0),
        "looked at, several splits": lambda: scan(named, LABELS, INDEX, sign=True, num_workers=0),
    }

    def cost(work: Callable[[], object]) -> float:
        start = time.process_time()
        work()
        return 1000 * (time.process_time() - start) / len(pairs)

    return in_turn({name: lambda work=work: cost(work) for name, work in ways.items()}, repetitions)


def search(signatures: list, searched: int, among: int) -> float:
    """Seconds of looking for so many pictures among so many others by their views."""
    many = [signatures[index % len(signatures)] for index in range(searched + among)]
    start = time.perf_counter()
    candidates(many, np.arange(searched), np.arange(searched, searched + among))
    return time.perf_counter() - start


def main() -> None:
    """Measure, print and write."""
    asked = arguments(__doc__)
    cv2.setNumThreads(1)
    num_pairs, repetitions = (2, 1) if asked.quick else (16, asked.repetitions)
    searched, among = (500, 1_500) if asked.quick else (5_000, 15_000)
    with tempfile.TemporaryDirectory() as folder:
        pairs = draw(Path(folder), num_pairs)
        spent = costs(pairs, repetitions)
        records, _ = scan([("train", pair) for pair in pairs], LABELS, INDEX, sign=True, num_workers=0)
    kilobytes = [len(pickle.dumps(record)) / 1000 for record in records]
    signatures = [record.signature for record in records if record.signature is not None]
    way = f"{searched:,} pictures among {among:,} others"
    found = in_turn({way: lambda: search(signatures, searched, among)}, repetitions)
    publish(
        __file__,
        [
            Table("Looking at a pair", "ms of processor time", spent, "read alone"),
            Table("What is held of a picture until the end", "KB", {"a picture": kilobytes}),
            Table("Looking for duplicates", "seconds", found),
        ],
        asked.quick,
    )


if __name__ == "__main__":
    main()
