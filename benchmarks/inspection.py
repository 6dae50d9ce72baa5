"""What `atrous inspect` costs: processor time a pair against reading it alone, and the search for duplicates.

python benchmarks/inspection.py      prints a table of medians and writes benchmarks/inspection.json

The pairs are 2048x1024 PNGs made here: smooth noise, which costs about what a photograph does to decode, and
blocks of classes.  Both sides run in this process, with the same readers.
"""

import json
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from atrous.data.inspection.scan import scan
from atrous.data.inspection.similar import candidates
from atrous.data.label_formats import INDEX
from atrous.data.layouts.cityscapes import LABEL_SETS
from atrous.data.layouts.pairs import Pair
from atrous.data.reading import read_pair

LABELS = LABEL_SETS[19]
NUM_PAIRS, REPETITIONS = 16, 5
SEARCHED, AMONG = 5_000, 15_000


def draw(folder: Path) -> list[Pair]:
    """The pairs."""
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(NUM_PAIRS):
        pair = Pair(str(index), folder / f"{index}.png", folder / f"{index}_labels.png")
        coarse = rng.integers(0, 256, (64, 128, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (2048, 1024), interpolation=cv2.INTER_CUBIC)
        noise = rng.normal(0, 4, image.shape)
        cv2.imwrite(str(pair.image), np.clip(image + noise, 0, 255).astype(np.uint8))
        blocks = rng.integers(0, 34, (32, 64), dtype=np.uint8)
        cv2.imwrite(str(pair.label), cv2.resize(blocks, (2048, 1024), interpolation=cv2.INTER_NEAREST))
        pairs.append(pair)
    return pairs


def cost(work: Callable[[], object]) -> float:
    """Milliseconds of processor time a pair."""
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start) / NUM_PAIRS


def main() -> None:
    """Measure, print and write."""
    cv2.setNumThreads(1)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        pairs = draw(Path(folder))
        named = [("train", pair) for pair in pairs]
        ways: dict[str, Callable[[], object]] = {
            "read alone": lambda: [read_pair(pair, LABELS) for pair in pairs],
            "looked at, one split": lambda: scan(named, LABELS, INDEX, sign=False, num_workers=0),
            "looked at, several splits": lambda: scan(named, LABELS, INDEX, sign=True, num_workers=0),
        }
        rounds = [{name: cost(work) for name, work in ways.items()} for _ in range(REPETITIONS)]
        found |= {name: statistics.median(each[name] for each in rounds) for name in ways}
        records, _ = scan(named, LABELS, INDEX, sign=True, num_workers=0)
    kilobytes = statistics.median(len(pickle.dumps(record)) for record in records) / 1000
    signatures = [record.signature for record in records if record.signature is not None]
    many = [signatures[index % len(signatures)] for index in range(SEARCHED + AMONG)]
    start = time.perf_counter()
    candidates(many, np.arange(SEARCHED), np.arange(SEARCHED, SEARCHED + AMONG))
    seconds = time.perf_counter() - start
    for name, value in found.items():
        ratio = value / found["read alone"]
        print(f"{name:28s} {value:8.1f} ms of processor time a pair, {ratio:.2f} of reading")
    print(f"{'a picture is held as':28s} {kilobytes:8.1f} KB")
    print(f"{f'{SEARCHED} among {AMONG} by their views':28s} {seconds:8.1f} s")
    found |= {"kilobytes": kilobytes, "search_seconds": seconds}
    Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
