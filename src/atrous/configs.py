"""Where the configs lie, and which choices they give.  Standard library only."""

import difflib
from collections.abc import Sequence
from pathlib import Path


def config_folder() -> Path:
    """The configs: inside an installed package, or at the top of the checkout."""
    here = Path(__file__).resolve()
    installed = here.parent / "conf"
    return installed if installed.is_dir() else here.parents[2] / "conf"


def choices(group: str, options: Sequence[str] | None = None) -> list[str]:
    """The choices of a config group, without those that are parts of others."""
    options = options or sorted(path.stem for path in (config_folder() / group).glob("*.yaml"))
    return [option for option in options if not option.startswith("_")]


def propose(wrong: str, known: Sequence[str]) -> str:
    """What may have been meant, as the end of a sentence; empty: nothing is near."""
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    return f", did you mean {close[0]}" if close else ""
