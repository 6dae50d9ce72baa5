"""What trainer.deterministic=true costs: a training step, and the evaluation of a picture.

    python benchmarks/deterministic.py [--quick]

In turn in the same run: torch's usual algorithms, and deterministic ones as the trainer chooses them.  On a
GPU a figure is wall time; on the processor CPU seconds of one thread.
"""

import os

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as Lightning sets it, but before CUDA begins

import contextlib
import io
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import segmentation_models_pytorch as smp
import torch
from measure import Table, arguments, in_turn, publish
from step import BATCH, DEVICE, ENCODER, LABELS, ON_GPU, SIDES, atrous, now, unit

from atrous.models.smp import smp_net
from atrous.module import SegmentationModule

PEER = "torch's usual algorithms"
WAYS = {PEER: False, "deterministic": True}
PICTURE, QUICK = (1024, 2048), (256, 512)


def evaluations(size: tuple[int, int]) -> dict[str, Callable[[], float]]:
    """Milliseconds a picture, from its pixels to its labels."""
    net = smp_net(smp.DeepLabV3Plus, ENCODER, None, LABELS.num_classes)
    module = SegmentationModule(net, LABELS, mean=(0.5,) * 3, std=(0.25,) * 3).to(DEVICE).eval()
    generator = torch.Generator().manual_seed(0)
    picture = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8, generator=generator).to(DEVICE)

    def round(way: str) -> float:
        torch.use_deterministic_algorithms(WAYS[way])
        start = now()
        with torch.inference_mode():
            module.predict(picture)
        return 1000 * (now() - start)

    return {way: lambda way=way: round(way) for way in WAYS}


def main() -> None:
    """Print, and unless --quick write, the tables."""
    options = arguments(__doc__)
    size, num_steps = (QUICK, 4) if options.quick else (PICTURE, 12)
    if not ON_GPU:
        torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        training = {
            way: atrous(num_steps, Path(folder), f"trainer.deterministic={str(chosen).lower()}")
            for way, chosen in WAYS.items()
        }
        trained = in_turn(training, options.repetitions)
        evaluated = in_turn(evaluations(size), options.repetitions)
    pictures = f"{BATCH} pictures of {SIDES[0]}x{SIDES[1]}"
    tables = [
        Table(f"A training step: DeepLabV3+ {ENCODER}, {pictures}", f"{unit()} a step", trained, PEER),
        Table(
            f"An evaluation: {size[0]}x{size[1]}, {LABELS.num_classes} classes",
            f"{unit()} a picture",
            evaluated,
            PEER,
        ),
    ]
    publish(__file__, tables, options.quick)


if __name__ == "__main__":
    sys.exit(main())
