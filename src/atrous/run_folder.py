"""What lies in the folder of a training, by name.  Standard library only."""

import json
from pathlib import Path
from typing import Any

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"
VALUES = "values.jsonl"


def has_checkpoint(folder: Path) -> bool:
    """Whether a training in this folder has come as far as its first checkpoint."""
    return any((folder / name).exists() for name in (LAST, PREVIOUS))


def read_values(folder: Path) -> list[dict[str, Any]]:
    """The logged values, line by line; a last line that a kill has cut is left out.

    Raises ValueError: a line that is none of ours.
    """
    path = folder / VALUES
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    try:
        return [json.loads(line) for line in lines]
    except ValueError as error:
        raise ValueError(
            f"{path}: damaged ({error}); take it away, and the run goes on without it"
        ) from error
