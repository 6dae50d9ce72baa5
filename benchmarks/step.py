"""A training step: what our own code costs above a plain loop, what each option gives, and what memory costs.

    python benchmarks/step.py      about half an hour on two cores, for the compilation

The plain loop is what a user of smp would write: its DeepLabV3+, AdamW of torch, cross entropy, the same
batches.  On a GPU a figure is wall time; on the processor CPU seconds of one thread, which other programs
disturb least.
"""

import contextlib
import io
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import lightning as L
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from measure import Table, arguments, in_turn, publish
from omegaconf import open_dict
from torch import nn

from atrous import build
from atrous.activations import checkpoint_activations
from atrous.compiling import compiled
from atrous.configs import config_folder
from atrous.folders import register_resolvers
from atrous.labels import label_set

ON_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if ON_GPU else "cpu")
ENCODER, BATCH, SIDES = ("resnet50", 16, (512, 1024)) if ON_GPU else ("mobilenet_v2", 4, (96, 96))
LABELS = label_set("benchmark", [f"class {index}" for index in range(19)])
WARM_UP = 3  # steps of each round that do not count


@dataclass(frozen=True)
class Options:
    """Of the plain loop: none of them is what a user gets who sets nothing."""

    channels_last: bool = False
    fused: bool | None = None
    tf32: bool = False
    search: bool = False
    bf16: bool = False
    compile: bool = False
    accumulate: int = 1
    checkpoint: bool = False


ALONE = {
    "channels_last": Options(channels_last=True),
    "fused AdamW": Options(fused=True),
    "bf16": Options(bf16=True),
    "compile": Options(compile=True),
    "batch accumulated in two parts": Options(accumulate=2),
    "activation checkpointing": Options(checkpoint=True),
    **({"TF32": Options(tf32=True), "cudnn's search": Options(search=True)} if ON_GPU else {}),
}
DEFAULTS = Options(channels_last=True, fused=True, tf32=True, search=True)
TOGETHER = {
    "the defaults (channels_last, fused, on a GPU TF32 and search)": DEFAULTS,
    "the defaults and bf16": Options(True, True, True, True, bf16=True),
    "the defaults, bf16 and compile": Options(True, True, True, True, bf16=True, compile=True),
}


def batch(size: int = BATCH) -> dict[str, Any]:
    """One as the loaders give it, on the device."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (size, 3, *SIDES), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, LABELS.num_classes, (size, *SIDES), dtype=torch.uint8, generator=generator)
    names = [str(index) for index in range(size)]
    return {"images": images.to(DEVICE), "labels": labels.to(DEVICE), "names": names, "objects": None}


class PlainLoop:
    """A network, its optimizer, and the step between them."""

    def __init__(self, options: Options, encoder: str = ENCODER) -> None:
        torch.manual_seed(0)
        net: nn.Module = smp.DeepLabV3Plus(encoder, encoder_weights=None, classes=LABELS.num_classes)
        if options.checkpoint:
            checkpoint_activations(net)
        self.layout = torch.channels_last if options.channels_last else torch.contiguous_format
        self.net = net.to(DEVICE, memory_format=self.layout)
        self.forward = compiled(self.net) if options.compile else self.net
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=1e-4, fused=options.fused)
        self.mean = 255 * torch.tensor([0.485, 0.456, 0.406], device=DEVICE).view(1, 3, 1, 1)
        self.std = 255 * torch.tensor([0.229, 0.224, 0.225], device=DEVICE).view(1, 3, 1, 1)
        self.options = options

    def step(self, batch: dict[str, Any]) -> None:
        """One of the optimizer."""
        num_parts = self.options.accumulate
        for images, labels in zip(
            batch["images"].chunk(num_parts), batch["labels"].chunk(num_parts), strict=True
        ):
            images = (images.to(torch.float32, memory_format=self.layout) - self.mean) / self.std
            with torch.autocast(DEVICE.type, torch.bfloat16, enabled=self.options.bf16):
                loss = F.cross_entropy(self.forward(images), labels.long(), ignore_index=255)
            (loss / num_parts).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def round(self, num_steps: int) -> float:
        """Milliseconds a step."""
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.options.tf32
        torch.backends.cudnn.benchmark = self.options.search
        given = batch()
        for _ in range(WARM_UP):
            self.step(given)
        start = now()
        for _ in range(num_steps):
            self.step(given)
        return 1000 * (now() - start) / num_steps


class Clock(L.Callback):
    """Milliseconds a step of a training, from the end of the warm-up to the end of the last step."""

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After everything else of the step."""
        if trainer.global_step == WARM_UP:
            self.start = now()
        if trainer.global_step == trainer.max_steps:
            self.figure = 1000 * (now() - self.start) / (trainer.max_steps - WARM_UP)


class Bare(L.LightningModule):
    """The plain loop as Lightning's introduction has it."""

    def __init__(self, loop: PlainLoop) -> None:
        super().__init__()
        self.net = loop.net
        self.loop = [loop]  # in a list: no module of this one

    def training_step(self, batch: dict[str, Any]) -> torch.Tensor:
        """The loss."""
        loop = self.loop[0]
        images = (batch["images"].to(torch.float32, memory_format=loop.layout) - loop.mean) / loop.std
        return F.cross_entropy(self.net(images), batch["labels"].long(), ignore_index=255)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """As the loop's."""
        return torch.optim.AdamW(self.net.parameters(), lr=1e-4, fused=self.loop[0].options.fused)


def now() -> float:
    """Seconds: of the wall on a GPU, of the processor without one."""
    if ON_GPU:
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


class Batches:
    """The same one for each step.  No list, in which Lightning would see a loader an entry."""

    def __init__(self, num_steps: int) -> None:
        self.all = [batch()] * (WARM_UP + num_steps)

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.all)


def bare_lightning(num_steps: int) -> Callable[[], float]:
    """Rounds of ``Bare``, without a bar or a logger."""
    module = Bare(PlainLoop(Options(channels_last=True, fused=True)))

    def round() -> float:
        clock, given = Clock(), Batches(num_steps)
        trainer = L.Trainer(
            accelerator=DEVICE.type,
            devices=1,
            max_steps=len(given),
            logger=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            callbacks=[clock],
        )
        trainer.fit(module, given)
        return clock.figure

    return round


def atrous(num_steps: int, folder: Path, *options: str) -> Callable[[], float]:
    """Rounds of what train.py builds: with its callbacks, a bar that is drawn, and values.jsonl."""
    register_resolvers()
    num_all = WARM_UP + num_steps
    given = [f"model.encoder={ENCODER}", f"trainer.accelerator={DEVICE.type}", f"trainer.max_steps={num_all}"]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        cfg = compose(
            "train",
            [*given, "+trainer.limit_val_batches=0", f"hydra.runtime.output_dir={folder}", *options],
            return_hydra_config=True,
        )
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    module = build.module(cfg, LABELS)

    def round() -> float:
        clock = Clock()
        trainer = build.training(cfg, LABELS)
        trainer.callbacks.append(clock)
        trainer.fit(module, Batches(num_steps))
        return clock.figure

    return round


def overhead(quick: bool, repetitions: int, folder: Path) -> Table:
    """Of Lightning and of our own code, at equal options."""
    num_steps = 8 if quick else 20
    loop = PlainLoop(Options(channels_last=True, fused=True))
    peer = "plain loop, channels_last and fused"
    ways = {
        peer: lambda: loop.round(num_steps),
        "the same in Lightning, without bar or logger": bare_lightning(num_steps),
        "as `train.py` builds it: callbacks, bar, values": atrous(num_steps, folder),
    }
    return Table("What our own code costs", f"{unit()} a step", in_turn(ways, repetitions, not quick), peer)


def options_table(quick: bool, repetitions: int) -> Table:
    """Each option alone, and together."""
    num_steps = 4 if quick else 8
    chosen = {"plain loop": Options(), **ALONE, **TOGETHER}
    loops = {name: PlainLoop(each) for name, each in chosen.items() if not (quick and each.compile)}
    ways = {name: (lambda loop=loop: loop.round(num_steps)) for name, loop in loops.items()}
    title = f"What each option gives: DeepLabV3+ {ENCODER}, {BATCH} pictures of {SIDES[0]}x{SIDES[1]}"
    return Table(title, f"{unit()} a step", in_turn(ways, repetitions, not quick), "plain loop")


def unit() -> str:
    """Of the figures of time."""
    return "ms" if ON_GPU else "CPU ms"


def peak_memory(options: Options, size: int) -> float:
    """MB above what the network and its optimizer take, at the peak of a step; in a process of its own."""
    loop = PlainLoop(options, encoder="resnet50")
    small, given = batch(2 * options.accumulate), batch(size)
    loop.step(small)
    if ON_GPU:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        loop.step(given)
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    # Not getrusage's ru_maxrss, in which a process inherits the peak of the one that started it.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    loop.step(given)
    return (resident("VmHWM") - before) / 1e3


def resident(name: str) -> int:
    """Kilobytes of memory of this process: now (VmRSS), or at its peak since that was reset (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def memory_table(quick: bool, repetitions: int) -> Table:
    """What is saved by computing more."""
    size = BATCH if quick else 4 * BATCH
    ways = {
        "plain loop": Options(),
        "bf16": Options(bf16=True),
        "batch accumulated in two parts": Options(accumulate=2),
        "batch accumulated in four parts": Options(accumulate=4),
        "activation checkpointing": Options(checkpoint=True),
        "bf16, two parts and checkpointing": Options(bf16=True, accumulate=2, checkpoint=True),
    }
    if quick:
        ways = dict(list(ways.items())[::5])
    rounds = in_turn(
        {name: (lambda each=each: alone(peak_memory, each, size)) for name, each in ways.items()},
        repetitions,
        warm_up=0,
    )
    title = f"Memory of a step: DeepLabV3+ resnet50, {size} pictures of {SIDES[0]}x{SIDES[1]}"
    return Table(title, "MB at the peak", rounds, "plain loop")


def alone(function: Callable[..., float], *arguments: Any) -> float:
    """What a process of its own returns."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    """Print, and unless --quick write, the tables."""
    options = arguments(__doc__)
    repetitions = 1 if options.quick else options.repetitions
    if not ON_GPU:
        torch.set_num_threads(1)
    os.environ["FORCE_COLOR"] = "1"  # rich then draws the bar, though nobody looks
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        tables = [
            overhead(options.quick, repetitions, Path(folder)),
            options_table(options.quick, repetitions),
        ]
        tables.append(memory_table(options.quick, min(3, repetitions)))
    publish(__file__, tables, options.quick)


if __name__ == "__main__":
    sys.exit(main())
