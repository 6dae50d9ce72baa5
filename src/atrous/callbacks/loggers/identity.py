"""What a run is called wherever it is logged, the same whenever it goes on; and which code it runs."""

import json
import secrets
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from atrous.whole import write_whole

FILE = "identity.json"  # in the run folder


@dataclass(frozen=True)
class Identity:
    """id: of letters and digits.  name: the folder's, and its parent's.  group: of a sweep.  tags: labels."""

    id: str
    name: str
    group: str | None
    tags: tuple[str, ...]


def identity(folder: Path, group: str | None, tags: tuple[str, ...]) -> Identity:
    """The identity that is kept in ``folder``, or a new one, which then is.

    Raises ValueError: the file is damaged.
    """
    path = folder / FILE
    if path.exists():
        try:
            stored = json.loads(path.read_text())
            return Identity(stored["id"], stored["name"], stored["group"], tuple(stored["tags"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}: damaged ({error}); take it away, and the loggers begin a new run"
            ) from error
    made = Identity(secrets.token_hex(4), "/".join(folder.absolute().parts[-2:]), group, tags)
    write_whole(path, json.dumps(asdict(made), indent=2) + "\n")
    return made


def code() -> dict[str, Any]:
    """The version of Atrous; in a git checkout also the commit, and whether files differ from it."""
    known: dict[str, Any] = {"atrous": version("atrous")}
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return known
    return known | {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def _git(*arguments: str) -> str | None:
    """What git says of the folder that holds this package; None: nothing."""
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
