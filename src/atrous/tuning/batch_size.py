"""The largest batch that the memory holds in training."""

import gc
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch.utilities.memory import is_oom_error

from atrous.data.datamodule import SegmentationData
from atrous.module import SegmentationModule
from atrous.tuning.search import MakeTrainer

SMALLEST = 2  # pictures: batch norm needs more than one
NUM_STEPS = 2  # with the second the optimizer's state is there, too
GIB = 2**30
# What libraries say where the processor's memory is limited, beside what Lightning knows.
SAID = (
    "could not create a primitive",
    "could not create a memory",
    "bad_alloc",
    "allocate memory",
    "new thread",
)


class LargestBatch:
    """Doubles the batch until the memory holds no more, then halves the gap; each trial trains two steps.

    memory: GiB that the training may take; None: all of a GPU's.  The processor's memory is shared with
        everything else, and must be limited.
    """

    def __init__(self, memory: float | None = None) -> None:
        if memory is not None and (
            isinstance(memory, bool) or not isinstance(memory, int | float) or memory <= 0
        ):
            raise ValueError(f"find.memory={memory}: expected GiB above 0, or null")
        self.memory = memory

    def __call__(
        self, module: SegmentationModule, data: SegmentationData, make_trainer: MakeTrainer, folder: Path
    ) -> str:
        """data.batch_size=..."""
        device = make_trainer(NUM_STEPS).strategy.root_device
        if device.type != "cuda" and self.memory is None:
            raise ValueError(
                "find=batch_size: on the processor there is nothing to find, its memory is not the "
                "training's own; say how much it may take, in GiB: find.memory=8"
            )
        data.num_workers = 0  # their memory is none of the device's

        def fits(size: int) -> bool:
            data.batch_size = size
            done = _trains(module, data, make_trainer)
            print(f"data.batch_size={size} {'fits' if done else 'does not fit'}", flush=True)
            return done

        with limited(device, self.memory):
            found = largest(fits, SMALLEST, len(data.pairs["train"]))
        if found is None:
            raise ValueError(
                f"not even data.batch_size={SMALLEST} fits into the memory; take smaller crops "
                "(data.crop_size), or trainer.checkpoint_activations=true"
            )
        return f"data.batch_size={found}"


def largest(fits: Callable[[int], bool], least: int, most: int) -> int | None:
    """The largest number from ``least`` to ``most`` that fits, where every smaller one does, too.

    None: not even ``least`` fits, or there is no number.
    """
    if least > most or not fits(least):
        return None
    good, bad = least, most + 1
    while good + 1 < bad:
        tried = min(2 * good, most) if bad == most + 1 else (good + bad) // 2
        good, bad = (tried, bad) if fits(tried) else (good, tried)
    return good


@contextmanager
def limited(device: torch.device, gibibytes: float | None) -> Iterator[None]:
    """Let this process take so much more memory on ``device``, and no more; None: no limit."""
    if gibibytes is None:
        yield
    elif device.type == "cuda":
        whole = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, gibibytes * GIB / whole), device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, device)
    else:
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + int(gibibytes * GIB), hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def is_of_memory(error: Exception) -> bool:
    """Whether it says that there is not enough memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or is_oom_error(error):
        return True
    return any(said in str(error) for said in SAID)


def _trains(module: SegmentationModule, data: SegmentationData, make_trainer: MakeTrainer) -> bool:
    """Whether the memory is enough for a few steps."""
    try:
        make_trainer(NUM_STEPS).fit(module, datamodule=data)
    except (RuntimeError, MemoryError) as error:
        if not is_of_memory(error):
            raise
        return False
    finally:
        module.zero_grad(set_to_none=True)
        gc.collect()
        torch.cuda.empty_cache()
    return True
