"""Where the configs lie, and which choices they give.  Standard library only."""

import difflib
import re
import textwrap
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


def groups(folder: Path | None = None) -> list[str]:
    """The config groups, as data and data/source: the folders under conf/."""
    top = folder or config_folder()
    return sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_dir())


def description(config: Path) -> str:
    """The line that a config opens with, of a recipe the one behind its command; empty: there is none."""
    for line in config.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            return ""
        said = line.removeprefix("#").strip()
        if said and not said.startswith(("@package", "python ", "atrous ")):
            return said
    return ""


def described(wanted: Sequence[str], own: Path | None = None, width: int = 110) -> str:
    """A line a choice, with what it is, for each of the groups wanted; all of them if none is.

    own: a folder of the user's own configs, which join the groups.
    Raises ValueError: no such group.
    """
    folders = [config_folder(), *([own] if own else [])]
    known = sorted({group for folder in folders for group in groups(folder)})
    for group in wanted:
        if group not in known:
            raise ValueError(
                f"{group}: no such group of choices{propose(group, known)}; there are {', '.join(known)}"
            )
    lines = []
    for group in wanted or known:
        files = {
            path.stem: path for folder in folders for path in sorted((folder / group).glob("[!_]*.yaml"))
        }
        lines += [f"{group}=" if files else "", *(_line(name, path, width) for name, path in files.items())]
    return "\n".join(filter(None, lines))


def _line(name: str, path: Path, width: int) -> str:
    begin = f"  {name:18s} "
    return textwrap.fill(begin + description(path), width, subsequent_indent=" " * len(begin))


def commands_with(key: str) -> list[str]:
    """The commands whose config has ``key`` at its top, as they are typed."""
    has = re.compile(rf"^({re.escape(key)}:|  - (override /)?{re.escape(key)}: )", re.MULTILINE)
    files = sorted(config_folder().glob("*.yaml"))
    return [path.stem.replace("_", "-") for path in files if has.search(path.read_text(encoding="utf-8"))]


def propose(wrong: str, known: Sequence[str]) -> str:
    """What may have been meant, as the end of a sentence; empty: nothing is near."""
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    return f", did you mean {close[0]}" if close else ""
