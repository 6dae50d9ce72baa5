"""How long a quick answer takes, against importing what a training needs.

python benchmarks/startup.py      prints a table of medians and writes benchmarks/startup.json
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRAIN = [sys.executable, str(HERE.parent / "train.py")]
COMMANDS = {
    "--help": [*TRAIN, "--help"],
    "--cfg job": [*TRAIN, "--cfg", "job"],
    "misspelt option": [*TRAIN, "optimizer.lrr=1"],
    "wrong data root": [
        *TRAIN,
        "data=camvid",
        "data.root=nowhere",
        f"hydra.run.dir={tempfile.gettempdir()}/atrous-startup",
    ],
    "everything imported": [
        sys.executable,
        "-c",
        "import atrous.module, atrous.models.smp, albumentations, wandb",
    ],
}
REPETITIONS = 5


def seconds(command: list[str]) -> float:
    """Wall seconds of one process."""
    start = time.perf_counter()
    subprocess.run(command, capture_output=True, check=False)
    return time.perf_counter() - start


def main() -> None:
    """Measure all commands in turn, so that a slow moment of the machine touches each."""
    rounds = [{name: seconds(command) for name, command in COMMANDS.items()} for _ in range(REPETITIONS + 1)][
        1:
    ]
    medians = {name: statistics.median(measured[name] for measured in rounds) for name in COMMANDS}
    whole = medians["everything imported"]
    for name, median in medians.items():
        print(f"{name:20s} {median:6.2f} s   {median / whole:5.2f} of everything imported")
    (HERE / "startup.json").write_text(json.dumps(medians, indent=2) + "\n")


if __name__ == "__main__":
    main()
