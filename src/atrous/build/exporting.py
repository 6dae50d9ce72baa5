"""From a checkpoint to what is exported, and to the pictures that the file is held against it on."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from omegaconf import DictConfig

from atrous.build.options import make, plain, switch, whole
from atrous.build.stored import split_pairs, training_split
from atrous.data.layouts.pairs import Layout, Pair
from atrous.remote import require_local

if TYPE_CHECKING:
    from atrous.checkpoint import Checkpoint
    from atrous.exporting.formats import Calibration, Format
    from atrous.exporting.parity import Sample, Tolerance
    from atrous.exporting.timing import Timing

Item = TypeVar("Item")


def require_export(cfg: DictConfig) -> Path:
    """Where the file goes.  Raises ValueError: an option of the wrong kind, or a file that is there."""
    for key, use in {"checkpoint": "runs/.../best.ckpt", "output": "NAME.onnx"}.items():
        if cfg[key] is None:
            raise ValueError(f"{key} is not given: {key}={use}")
        require_local(cfg[key], key)
    whole(cfg, "num_pictures", 1)
    whole(cfg, "repetitions", 0)
    if cfg.num_threads is not None:
        whole(cfg, "num_threads", 1)
    switch(cfg, "compile")
    output = Path(cfg.output)
    if not Path(cfg.checkpoint).is_file():
        raise ValueError(f"checkpoint={cfg.checkpoint}: no such file; expected such as runs/.../best.ckpt")
    if output.exists() and not switch(cfg, "overwrite"):
        raise ValueError(
            f"output={output}: is there already; overwrite=true replaces it, or choose another name"
        )
    return output


def file_format(cfg: DictConfig, output: Path) -> "Format":
    """The chosen kind of file.  Raises ValueError: another ending than it has."""
    chosen: Format = make(cfg.format)
    if output.suffix != chosen.suffix:
        raise ValueError(f"output={output}: expected a file NAME{chosen.suffix} for this format")
    return chosen


def tolerance(cfg: DictConfig) -> "Tolerance":
    """What the file may differ by.  Raises ValueError: no numbers, or nothing that would be held."""
    from atrous.exporting.parity import Tolerance

    limits = Tolerance(**plain(cfg)["tolerance"])
    held = [limits.logits, limits.pixels, *([limits.miou] if cfg.pictures is None else [])]
    if all(limit is None for limit in held):
        raise ValueError(
            "tolerance: null for all that these pictures can show, so every file would pass; set "
            "tolerance.pixels=0.01, or such"
        )
    return limits


def timing(cfg: DictConfig) -> "Timing":
    """How the file's speed is measured; sets the number of threads, if one is chosen.

    Raises ValueError: there is no compiler for what is to be compiled.
    """
    import torch

    from atrous.compiling import require_compiler
    from atrous.exporting.timing import Timing

    if cfg.compile:
        require_compiler()
    if cfg.num_threads is not None:
        torch.set_num_threads(cfg.num_threads)
    return Timing(cfg.repetitions, torch.get_num_threads(), cfg.compile)


def samples(cfg: DictConfig, checkpoint: "Checkpoint") -> "Callable[[], Iterator[Sample]]":
    """The pictures of the parity report, read when they are asked for.

    Raises ValueError: there are none, or of another label set.
    """
    from atrous.exporting.parity import Sample

    if cfg.pictures is not None:
        from atrous.data.showing import read_shown
        from atrous.prediction.inputs import find_pictures

        found = _spread(find_pictures(str(cfg.pictures), "pictures"), cfg.num_pictures)
        return lambda: (Sample(str(each.path), read_shown(each.path), None) for each in found)
    from atrous.data.reading import read_pair

    where, pairs = _pairs(cfg, checkpoint, cfg.split)
    chosen = _spread(pairs, cfg.num_pictures)
    return lambda: (Sample(pair.name, *read_pair(pair, where.labels, where.label_format)) for pair in chosen)


def calibration(cfg: DictConfig, checkpoint: "Checkpoint") -> "Calibration":
    """Reads pictures of the split that the checkpoint was trained on, evenly spaced, and of no other."""

    def read(number: int) -> list[Any]:
        from atrous.data.reading import read_image

        _, pairs = _pairs(cfg, checkpoint, training_split(checkpoint.config))
        return [read_image(pair.image) for pair in _spread(pairs, number)]

    return read


def _pairs(cfg: DictConfig, checkpoint: "Checkpoint", split: str) -> tuple[Layout, Sequence[Pair]]:
    from atrous.checkpoint import require_same_labels

    where, pairs = split_pairs(cfg, checkpoint.config, split)
    require_same_labels(checkpoint, where.labels)
    return where, pairs


def _spread(items: Sequence[Item], number: int) -> list[Item]:
    """At most ``number`` of them, evenly spaced, the first among them."""
    step = max(1.0, len(items) / number)
    return [items[int(place * step)] for place in range(min(number, len(items)))]
