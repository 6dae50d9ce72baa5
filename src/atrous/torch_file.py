"""Files of tensors, read as data and never as code, and whole or not at all."""

import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch
from safetensors.torch import load_file

DOS_FOLDER = 0x10  # the bit of a part's attributes in a zip file
Read = Callable[[Path], Any]


class Unreadable(ValueError):
    """What is wrong with a file."""


class Foreign(Unreadable):
    """The file holds more than plain data and tensors: reading it would run what it names."""


def read_plain(path: Path) -> Any:
    """The plain data and tensors that ``torch.save`` or safetensors wrote, on the CPU.

    Raises Foreign; Unreadable: the checksum of a part is wrong; and whatever torch and safetensors raise for
    a file of another kind, which depends on its first bytes.
    """
    if path.suffix == ".safetensors":
        return load_file(path)
    with path.open("rb") as file:
        if zipfile.is_zipfile(file):
            _require_whole(file)
        file.seek(0)
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:
            if refused := re.search(r"\bGLOBAL (\S+)", str(error)):
                raise Foreign(f"it holds {refused[1]}, which is more than plain data and tensors") from error
            raise


def read_trusted(path: Path) -> Any:
    """The same; a file that holds more is read all the same, after a warning: that runs any code in it.

    Only for a file whose maker is trusted, said so by whoever runs this: no config out of a checkpoint can
    name this function.
    """
    try:
        return read_plain(path)
    except Foreign as error:
        warnings.warn(
            f"{path}: {error}; loaded by trust_checkpoint=true, which runs any code that the file holds",
            stacklevel=2,
        )
        return torch.load(path, map_location="cpu", weights_only=False)


def _require_whole(file: IO[bytes]) -> None:
    """Torch itself compares no checksum: it would give a flipped bit of a weight as it is.

    Raises Unreadable: a part is not as it was written.
    """
    with zipfile.ZipFile(file) as archive:
        names, parts = archive.namelist(), archive.infolist()
        # Of a part that is marked as a folder torch reads nothing, and gives whatever the memory held.
        folders = [part for part in parts if part.is_dir() or part.external_attr & DOS_FOLDER]
        if folders or len(set(names)) < len(names) or any(part.compress_type for part in parts):
            raise Unreadable("its parts are not stored as torch stores them")
        if (part := archive.testzip()) is not None:
            raise Unreadable(f"its part {part!r} is not as it was written")
