"""What a checkpoint holds, how it is written (whole or not at all) and read (as data, never as code)."""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import lightning as L
import torch
from lightning.fabric.plugins import CheckpointIO
from torch import Tensor, nn

from atrous import exported
from atrous.contents import AVERAGED, EMA, RAW, About, about, entry, state_dict
from atrous.labels import LabelSet
from atrous.remote import require_local
from atrous.run_folder import LAST, PREVIOUS
from atrous.torch_file import Unreadable, read_plain

KEY = "atrous"
VERSION = 3


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as it is read.

    config: the composed config of the run, plain data with its interpolations.
    state_dict: of the SegmentationModule.  weights: which ones these are, raw or ema.
    step: optimizer steps it was trained for.  seconds: that this took, validation included, over all resumed
        parts; the pauses between them left out.
    """

    path: Path
    config: dict[str, Any]
    labels: LabelSet
    state_dict: Mapping[str, Tensor]
    step: int
    seconds: float
    weights: str = RAW


class Lines(Protocol):
    """A file that a run adds lines to, and that a resumed run shortens to ``num_lines`` first."""

    num_lines: int


class CheckpointContents(L.Callback):
    """Adds what a checkpoint needs to stand alone, the composed config and the label set, and to go on.

    values: its file is continued where it was when the checkpoint was written.
    weights: those that the run is judged by, raw or ema; who reads the checkpoint gets them.
    """

    def __init__(
        self, config: Mapping[str, Any], labels: LabelSet, values: Lines, weights: str = RAW
    ) -> None:
        self.contents = {
            "version": VERSION,
            "config": dict(config),
            "labels": labels.to_dict(),
            "weights": weights,
        }
        self.values = values
        self._before = 0.0
        self._started = 0.0

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on counting the seconds of a resumed training, and the lines of its values."""
        self._before = checkpoint[KEY]["seconds"]
        self.values.num_lines = checkpoint[KEY].get("num_values", 0)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put it under our own key."""
        seconds = self._before + time.monotonic() - self._started
        checkpoint[KEY] = {**self.contents, "seconds": seconds, "num_values": self.values.num_lines}


class AtomicCheckpointIO(CheckpointIO):
    """Writes beside the target and renames: whoever reads finds the old file or the new one, whole.

    storage_options: may name a file as ``previous``, under which the old one is kept.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write ``checkpoint`` to ``path``.

        Raises ValueError: it cannot be written; a file that was there before stays.
        """
        target = Path(path)
        temporary = target.with_name(f".{target.name}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            if storage_options:
                _keep(target, Path(storage_options["previous"]))
            os.replace(temporary, target)
            _sync(target.parent)
        except OSError as error:
            raise _unwritten(target, error) from error
        except (
            RuntimeError
        ) as error:  # torch's word for a write that fell short, with the reason as its cause
            if not isinstance(error.__context__, OSError):
                raise
            raise _unwritten(target, error.__context__) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """The checkpoint's plain data."""
        return load(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete the file."""
        Path(path).unlink(missing_ok=True)


def _keep(target: Path, previous: Path) -> None:
    """Give the file a second name; until it is replaced it has both, so that it is never missing."""
    if not target.exists() or (previous.exists() and previous.samefile(target)):
        return
    second = previous.with_name(f".{previous.name}.tmp")
    second.unlink(missing_ok=True)
    try:
        os.link(target, second)
    except OSError:  # a file system without second names
        shutil.copyfile(target, second)
    os.replace(second, previous)


def _sync(folder: Path) -> None:
    """Bring the names to the disk, where folders can be opened."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _unwritten(target: Path, error: OSError) -> ValueError:
    kept = "the one before is kept" if target.exists() else "there is none yet"
    return ValueError(
        f"checkpoint {target}: cannot be written ({error.strerror or error}); {kept}; make room or choose "
        "another folder, then go on with resume"
    )


def load(path: Path) -> dict[str, Any]:
    """The plain data of a checkpoint of Atrous, on the CPU, with the training's state.

    Raises ValueError: no such file, damaged, a file of another program, or of weights alone.
    """
    _require_file(path)
    if path.suffix == exported.ENDING:
        raise ValueError(
            f"checkpoint {path}: weights alone, without the optimizer; a training goes on from a .ckpt"
        )
    try:
        data = read_plain(path)
    except Exception as error:  # what torch raises for a file of another kind depends on its first bytes
        reason = f" ({error})" if isinstance(error, Unreadable) else ""
        raise ValueError(
            f"checkpoint {path}: damaged, or not a checkpoint of Atrous{reason}; take another copy of it"
        ) from error
    if not isinstance(data, dict) or KEY not in data:
        raise ValueError(f"checkpoint {path}: not a checkpoint of Atrous (it has no entry '{KEY}')")
    _contents(path, data)
    return data


def read(path: str | Path, weights: str | None = None) -> Checkpoint:
    """The checkpoint at ``path``, or weights that ``atrous export-weights`` wrote.

    weights: raw or ema; None: those that its run was judged by.
    Raises ValueError: as ``load``, or it does not hold these weights.
    """
    require_local(path, "checkpoint")
    path = Path(path)
    _require_file(path)
    if path.suffix == exported.ENDING:
        about, exported_weights = exported.read(path)
        held = {about.weights: exported_weights}
    else:
        about, held = _contents(path, load(path))
    name = weights or about.weights
    if name not in held:
        raise ValueError(
            f"weights={name}: checkpoint {path} holds {' and '.join(held)}; leave weights out, or choose "
            f"among these{' (a training with callbacks=ema keeps both)' if EMA not in held else ''}"
        )
    return Checkpoint(path, about.config, about.labels, held[name], about.step, about.seconds, name)


def export_weights(checkpoint: Checkpoint, path: Path, config: dict[str, Any]) -> None:
    """Write its weights and what they are of, with ``config`` in the place of its own.

    path: of the weights, NAME.safetensors.  Raises ValueError: the config holds what JSON cannot say.
    """
    said = About(config, checkpoint.labels, checkpoint.step, checkpoint.seconds, checkpoint.weights)
    exported.write(path, said, checkpoint.state_dict)


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise ValueError(f"checkpoint {path}: no such file; expected one such as runs/.../best.ckpt")


def _contents(path: Path, data: dict[str, Any]) -> tuple[About, dict[str, dict[str, Tensor]]]:
    """What it is, and the weights that it holds by name.

    Raises ValueError: of another version, or an entry that is missing or of another kind.
    """
    try:
        version = entry(own := entry(data, KEY, dict), "version", int)
        if version == VERSION:
            held = {RAW: state_dict(data.get("state_dict"))}
            if AVERAGED in data:
                averaged = entry(data, AVERAGED, dict)
                held[EMA] = held[RAW] | state_dict(averaged.get("weights"))
            return about(own, data.get("global_step")), held
    except ValueError as error:
        raise ValueError(f"checkpoint {path}: damaged: {error}; take another copy of it") from error
    raise ValueError(f"checkpoint {path}: of version {version}; this Atrous reads version {VERSION}")


def newest(folder: Path, tell: Callable[[str], None]) -> Checkpoint:
    """The newest whole checkpoint of the run in ``folder``.

    tell: is told of one that is damaged, and passed over.
    Raises ValueError: there is no whole one.
    """
    last, previous = folder / LAST, folder / PREVIOUS
    if not previous.exists():
        return read(last)
    try:
        return read(last)
    except ValueError as error:
        tell(f"{error}; going back to {previous.name}")
        found = read(previous)
        with suppress(FileNotFoundError):  # else it would be kept as the one before the next
            os.replace(last, folder / "damaged.ckpt")
        return found


def load_weights(module: nn.Module, checkpoint: Checkpoint) -> None:
    """Load the weights strictly.

    Raises ValueError: they are of another network, or of another number of classes.
    """
    try:
        module.load_state_dict(checkpoint.state_dict)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:400]
        raise ValueError(
            f"checkpoint {checkpoint.path}: its weights do not fit the network of its config with label set "
            f"'{checkpoint.labels.name}' of {checkpoint.labels.num_classes} classes ({reason})"
        ) from error


def require_same_labels(checkpoint: Checkpoint, labels: LabelSet) -> None:
    """Raises ValueError: the data's label set is not the one the checkpoint was trained with."""
    trained = checkpoint.labels
    if trained.classes != labels.classes:
        raise ValueError(
            f"checkpoint {checkpoint.path}: trained with label set '{trained.name}' of "
            f"{trained.num_classes} classes, but the data have '{labels.name}' of {labels.num_classes}; "
            f"evaluate it on data with its own classes: {', '.join(trained.classes)}"
        )
