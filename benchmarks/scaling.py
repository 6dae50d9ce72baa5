"""How costs grow: with workers, processes, classes, the size of pictures and of the data set, and epochs.

python benchmarks/scaling.py [--quick]

The pictures are those of input.py.  The listed data sets are trees of empty files.  Linux.
"""

import itertools
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import torch
from evaluation_ways import OURS, PEER, drawn, seconds
from evaluation_ways import ours as evaluation_ours
from evaluation_ways import peer as evaluation_peer
from input import CROP, AlbumentationsExample, atrous, cpu_milliseconds, peer, write_pictures
from measure import HERE, Table, arguments, in_turn, publish

from atrous.data.layouts.cityscapes import Cityscapes
from atrous.run_folder import read_values

LIST = """
import sys, time
from pathlib import Path

def own():
    status = open("/proc/self/status").read()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024

root = Path(sys.argv[1])
from atrous.data.layouts.packed import PackedPairs
from atrous.data.layouts.sources import Folders
from atrous.data.sampler import Shuffled, TrainingSampler
memory, start = own(), time.process_time()
if sys.argv[2] == "atrous":
    pairs = PackedPairs(Folders()(root, "train"))
    next(iter(TrainingSampler(len(pairs), Shuffled(), seed=0)))
else:
    images = sorted((root / "images" / "train").glob("*.jpg"))
    pairs = [(image, root / "labels" / "train" / f"{image.stem}.png") for image in images]
    assert all(label.exists() for _, label in pairs)
print((time.process_time() - start) / len(pairs) * 1e6, (own() - memory) / len(pairs))
"""


def workers(root: Path, repetitions: int, quick: bool) -> Table:
    """Wall time of a cached picture, by the number of workers."""
    pairs = Cityscapes(root).pairs("train") * (1 if quick else 4)
    epochs = {
        f"{number} workers": atrous(pairs, root / "pixels", device_jitter=True, num_workers=number)
        for number in (0, 1, 2, 4)
    }
    rounds = in_turn({name: partial(_wall_milliseconds, way) for name, way in epochs.items()}, repetitions, 2)
    title = f"Workers ({os.cpu_count()} cores; cache and device jitter)"
    return Table(title, "wall ms a picture", rounds, "0 workers")


def picture_size(root: Path, repetitions: int, quick: bool) -> Table:
    """Processor time of a crop of 512x1024, by the size of the picture that it is cut from."""
    ways: dict[str, Callable[[], float]] = {}
    for factor in (1, 2):
        tree = root / f"times{factor}"
        write_pictures(tree, 4 if quick else 8, (1024 * factor, 2048 * factor))
        pairs = Cityscapes(tree).pairs("train") * 2
        size = f"{2048 * factor}x{1024 * factor}"
        ways[f"albumentations example, {size}"] = partial(
            cpu_milliseconds, peer(pairs, AlbumentationsExample)
        )
        ways[f"atrous, {size}"] = partial(cpu_milliseconds, atrous(pairs))
        ways[f"atrous, cache, {size}"] = partial(cpu_milliseconds, atrous(pairs, root / "pixels"))
    rounds = in_turn(ways, repetitions, 2)
    return Table(f"Picture size (crops of {CROP[1]}x{CROP[0]})", "CPU ms a picture", rounds)


def data_set_size(root: Path, sizes: tuple[int, ...], repetitions: int) -> list[Table]:
    """Processor time and memory of listing a data set and ordering an epoch, a pair."""
    found: dict[str, list[tuple[float, float]]] = {}
    for size in sizes:
        tree = root / f"listed{size}"
        for folder, suffix in (("images/train", "jpg"), ("labels/train", "png")):
            (tree / folder).mkdir(parents=True)
            for number in range(size):
                os.close(os.open(tree / folder / f"picture_{number:07d}.{suffix}", os.O_CREAT))
        rounds = repetitions if size < 1_000_000 else 1
        for _, kind in itertools.product(range(rounds), ("list of paths", "atrous")):
            command = [sys.executable, "-c", LIST, str(tree), kind]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            found.setdefault(f"{kind}, {size:,} pairs", []).append((float(told[0]), float(told[1])))
    return [
        Table(
            f"Data set size: {what}",
            unit,
            {way: [each[column] for each in all_] for way, all_ in found.items()},
        )
        for column, (what, unit) in enumerate(
            (
                ("listing, and the first sample of an epoch", "CPU us a pair"),
                ("memory that stays", "bytes a pair"),
            )
        )
    ]


def classes(repetitions: int) -> Table:
    """Processor time from coarse scores to counts, by the number of classes, on one thread."""
    ways: dict[str, Callable[[], float]] = {}
    for number in (2, 19, 150):
        given = drawn((512, 1024), num_classes=number)
        for name, way in ((PEER, evaluation_peer), (OURS, evaluation_ours)):
            ways[f"{name}, {number} classes"] = lambda way=way, given=given: (
                1000 * seconds(partial(way, *given), time.process_time)
            )
    return Table("Classes: evaluation of 2 pictures of 1024x512", "CPU ms", in_turn(ways, repetitions))


def processes(root: Path, repetitions: int) -> Table:
    """Wall time of a picture in training, one thread a process."""
    ways = {
        f"{number} process{'es' if number > 1 else ''}": partial(_trained, root, number) for number in (1, 2)
    }
    return Table(
        "Processes (gloo; synthetic scenes, batch 8 each)",
        "wall ms a picture",
        in_turn(ways, repetitions, warm_up=0),
        "1 process",
    )


def _trained(root: Path, number: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        kind = ["trainer=ddp", "trainer.accelerator=cpu"] if number > 1 else ["trainer=cpu"]
        options = [f"data.root={root}/scenes", f"hydra.run.dir={folder}", *kind]
        options += ["trainer.max_steps=20", "data.batch_size=8", "data.num_workers=0", "data.limits.val=4"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(HERE.parent / "train.py"), *options]
        subprocess.run(command, capture_output=True, env=environment, check=True)
        rates = [line.get("train/pictures_per_second") for line in read_values(Path(folder))]
    return 1000 / float([rate for rate in rates if rate][-1] or 0)


def epochs(root: Path, num_epochs: int) -> Table:
    """Memory that is a process's own, epoch after epoch."""
    batches = atrous(Cityscapes(root).pairs("train") * 2, root / "pixels")
    held: dict[str, list[float]] = {}
    for epoch in range(1, num_epochs + 1):
        next(batches)
        (worker,) = multiprocessing.active_children()
        for name, process in (("main process", "self"), ("worker", worker.pid)):
            status = Path(f"/proc/{process}/status").read_text()
            own = next(
                int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("RssAnon")
            )
            held.setdefault(f"{name}, epoch {epoch}", []).append(own)
    batches.close()
    kept = {name: value for name, value in held.items() if int(name.split()[-1]) in (2, num_epochs)}
    return Table("Epochs: memory of a process's own (cache on disk)", "MiB", kept)


def _wall_milliseconds(epochs: Iterator[int]) -> float:
    start = time.perf_counter()
    num_pictures = next(epochs)
    return 1000 * (time.perf_counter() - start) / num_pictures


def main() -> None:
    """Measure one after the other."""
    args = arguments(__doc__)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_pictures(root, 16)
        tables = [epochs(root, 4 if args.quick else 10)]
        tables.append(workers(root, args.repetitions, args.quick))
        tables.append(picture_size(root, args.repetitions, args.quick))
        tables.append(classes(args.repetitions))
        sizes = (1_000, 10_000) if args.quick else (1_000, 10_000, 100_000, 1_000_000)
        tables += data_set_size(root, sizes, 1 if args.quick else args.repetitions)
        tables.append(processes(root, 1 if args.quick else args.repetitions))
    publish(__file__, tables, args.quick)


if __name__ == "__main__":
    main()
