"""CPU seconds of quick answers and of the first training step, against importing the libraries alone.

    python benchmarks/startup.py      about three minutes

A figure is the user and system time of a process and of those that it waited for: its data loader's workers.
The synthetic scenes are drawn before.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measure import Table, arguments, in_turn, publish

TRAIN = [sys.executable, str(Path(__file__).resolve().parents[1] / "train.py")]
IMPORTS = "import torch, lightning, segmentation_models_pytorch"
PEER = "imports alone"


def commands(folder: str) -> dict[str, list[str]]:
    """By name; what they write goes to ``folder``."""
    run = [*TRAIN, f"paths.data={folder}", f"hydra.run.dir={folder}/run"]
    one_step = [
        *run,
        "trainer.max_steps=1",
        "+trainer.limit_val_batches=0",
        "callbacks=fixed_schedule",
        "objective=train/loss",
    ]
    return {
        PEER: [sys.executable, "-c", IMPORTS],
        "`train.py --help`": [*TRAIN, "--help"],
        "`train.py --cfg job`": [*TRAIN, "--cfg", "job"],
        "a misspelt option": [*TRAIN, "optimizer.lrr=1"],
        "a data root that is not there": [*run, "data=camvid"],
        "a training of one step, of 16 pictures": one_step,
        "a training of one step, of 2 pictures": [*one_step, "data.batch_size=2"],
    }


def cpu_seconds(command: list[str]) -> float:
    """User and system time of a process and its children."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    usage = os.wait4(process.pid, 0)[2]
    return usage.ru_utime + usage.ru_stime


def way(command: list[str]) -> Callable[[], float]:
    """A round of one command."""
    return lambda: cpu_seconds(command)


def main() -> None:
    """Print, and unless --quick write, the table."""
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        ways = commands(folder)
        subprocess.run(ways["a training of one step, of 2 pictures"], capture_output=True, check=True)
        repetitions = 1 if options.quick else options.repetitions
        rounds = in_turn({name: way(each) for name, each in ways.items()}, repetitions, not options.quick)
    publish(__file__, [Table("Start-up", "CPU s", rounds, PEER)], options.quick)


if __name__ == "__main__":
    main()
