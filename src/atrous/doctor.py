"""What a machine has: versions, devices, folders; and what of it would trouble a training."""

import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

FEW_FILES = 1024  # open at once; torch's workers hand tensors over in files
SMALL_SHARED_GB = 1.0
LITTLE_DISK_GB = 5.0
GB = 1e9


@dataclass(frozen=True)
class Fact:
    """A line: what, its value, and what of it may trouble, with the way out; empty: nothing."""

    name: str
    value: str
    trouble: str = ""


def packages(distribution: str = "atrous") -> list[Fact]:
    """The versions of what ``distribution`` needs, and a line an extra with what is there of it."""
    needed = [Requirement(line) for line in metadata.requires(distribution) or ()]
    extras: dict[str, list[Requirement]] = {}
    for one in needed:
        named = re.search(r"""extra == ['"]([\w-]+)['"]""", str(one.marker))
        extras.setdefault(named[1] if named else "", []).append(one)
    core = [Fact(one.name, _version(one.name) or "-", _lack(one)) for one in extras.pop("", [])]
    of_extras = [_extra(distribution, name, those) for name, those in extras.items() if name != "dev"]
    return [Fact(distribution, _version(distribution) or "-"), *core, *of_extras]


def _extra(distribution: str, name: str, needed: list[Requirement]) -> Fact:
    there = [f"{one.name} {_version(one.name)}" for one in needed if _version(one.name)]
    if not there:
        return Fact(f"[{name}]", f"not there: pip install '{distribution}[{name}]'")
    return Fact(f"[{name}]", ", ".join(there), "; ".join(filter(None, map(_lack, needed))))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _lack(one: Requirement) -> str:
    """What is wrong with what is there of a requirement."""
    found = _version(one.name)
    if found is None:
        return f"{one.name} is missing: pip install '{one.name}{one.specifier}'"
    if not one.specifier.contains(Version(found), prereleases=True):
        return f"{one.name} {found}: expected {one.specifier}: pip install '{one.name}{one.specifier}'"
    return ""


def machine() -> list[Fact]:
    """System, Python, processor, memory, and the limits that data loaders run into."""
    from atrous.compiling import compiler

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        Fact("system", platform.platform()),
        Fact("python", platform.python_version()),
        Fact("cores", f"{cores} of {os.cpu_count()}"),
        *_memory(),
        *_open_files(),
        Fact("C++ compiler", compiler() or "none: trainer.compile=true needs one"),
    ]


def _memory() -> Iterator[Fact]:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        yield Fact("memory", f"{pages / GB:.1f} GB")
    shared = Path("/dev/shm")
    if shared.is_dir():
        size = shutil.disk_usage(shared).total / GB
        small = size < SMALL_SHARED_GB
        yield Fact(
            str(shared),
            f"{size:.1f} GB",
            "data.cache=ram lies there; of a container it is docker run --shm-size=8g" if small else "",
        )


def _open_files() -> Iterator[Fact]:
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    few = 0 <= limit < FEW_FILES
    yield Fact("open files", str(limit), f"few for many workers: ulimit -n {4 * FEW_FILES}" if few else "")


def devices() -> list[Fact]:
    """What torch can compute on."""
    import torch

    found = [Fact("torch", f"{torch.__version__}, CUDA {torch.version.cuda or 'not built in'}")]
    found.append(
        Fact("processor", f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    )
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        half = "bf16" if about.major >= 8 else "16-mixed, no bf16"
        text = f"{about.name}, {about.total_memory / GB:.0f} GB, compute {about.major}.{about.minor}, {half}"
        found.append(Fact(f"cuda:{index}", text))
    if not torch.cuda.is_available():
        driver = shutil.which("nvidia-smi")
        trouble = "nvidia-smi is there: is the driver as new as torch's CUDA?" if driver else ""
        found.append(Fact("GPU", "none that torch sees", trouble))
    return found


def folders(**named: str | Path) -> list[Fact]:
    """Where data, runs and caches lie: whether they are there, and how much room is left."""
    return [_folder(key, Path(path).expanduser()) for key, path in named.items()]


def _folder(key: str, path: Path) -> Fact:
    absolute = path.absolute()
    nearest = next(folder for folder in (absolute, *absolute.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free / GB
    there = "" if absolute.exists() else ", not there yet"
    text = f"{path}{there}, {free:.0f} GB free"
    if not os.access(nearest, os.W_OK if key != "data" else os.R_OK):
        return Fact(key, text, f"{nearest} cannot be {'read' if key == 'data' else 'written'}")
    return Fact(key, text, "little room for checkpoints" if free < LITTLE_DISK_GB and key == "runs" else "")


def print_facts(told: Mapping[str, Sequence[Fact]]) -> None:
    """A table, with a heading each; troubles in yellow."""
    table = Table(box=SIMPLE, show_header=False)
    for heading, lines in told.items():
        table.add_row(f"[bold]{escape(heading)}[/]")
        for line in lines:
            trouble = f"\n[yellow]{escape(line.trouble)}[/]" if line.trouble else ""
            table.add_row(escape(line.name), escape(line.value) + trouble)
        table.add_section()
    Console().print(table)
