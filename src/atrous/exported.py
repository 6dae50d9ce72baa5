"""Weights alone, for others to read without Atrous: NAME.safetensors, and NAME.json that says of what."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from atrous.contents import About, about, entry, state_dict
from atrous.whole import write_whole

ENDING = ".safetensors"
SCHEMA = 1


def write(path: Path, said: About, weights: Mapping[str, Tensor]) -> None:
    """Write both files, each whole or not at all.

    path: ends with .safetensors.  said: its config is written as it is: without secrets.
    Raises ValueError: the config holds what JSON cannot say.
    """
    if json.loads(json.dumps(said.config, default=str)) != said.config:
        raise ValueError(
            f"{path}: the config holds what JSON cannot say, such as a number as a key, and would not be "
            "read again as it is; write these keys as texts"
        )
    content = save({name: tensor.detach().contiguous().clone() for name, tensor in weights.items()})
    described = {
        "schema": SCHEMA,
        "sha256": hashlib.sha256(content).hexdigest(),
        "step": said.step,
        "seconds": said.seconds,
        "weights": said.weights,
        "labels": said.labels.to_dict(),
        "config": said.config,
    }
    described["checksum"] = _checksum(described)
    write_whole(path, content, to_disk=True)
    write_whole(path.with_suffix(".json"), json.dumps(described, indent=2) + "\n", to_disk=True)


def read(path: Path) -> tuple[About, dict[str, Tensor]]:
    """What was written, the tensors on the CPU.

    Raises ValueError: a file is missing, damaged, of another schema, or not of the other.
    """
    said = _described(path.with_suffix(".json"))
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != said["sha256"]:
        raise ValueError(
            f"checkpoint {path}: damaged, or not the weights that {path.with_suffix('.json').name} beside it "
            "describes (their sha256 differ); export both again"
        )
    try:
        return about(said, said.get("step")), state_dict(load(content))
    except Exception as error:  # safetensors has an error of its own for each kind of damage
        raise ValueError(f"checkpoint {path}: not as export-weights writes it: {error}") from error


def _described(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(
            f"checkpoint {path.with_suffix(ENDING)}: no {path.name} beside it, which says what the weights "
            "are of; atrous export-weights writes both"
        )
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        schema = entry(said, "schema", int)
        entry(said, "sha256", str)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: damaged, or not of an export ({error}); export again") from error
    if schema != SCHEMA:
        raise ValueError(f"{path}: of schema {schema}; this Atrous reads schema {SCHEMA}: export again")
    if said.get("checksum") != _checksum({key: value for key, value in said.items() if key != "checksum"}):
        raise ValueError(f"{path}: damaged or changed: its checksum is another; export again")
    return said


def _checksum(described: dict[str, Any]) -> str:
    """Of what is said, in whatever order and layout; keys are texts, as JSON has them."""
    read = json.loads(json.dumps(described))
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()
