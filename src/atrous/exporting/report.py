"""The parity report: printed, and as JSON."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from atrous.exporting.parity import Parity, Tolerance
from atrous.exporting.timing import Speeds
from atrous.report.page import percent
from atrous.whole import write_whole

FAILED = ".failed"
PARITY = ".parity.json"


@contextmanager
def draft(output: Path) -> Iterator[Path]:
    """A name beside ``output`` for a file that is not yet known to be sound; what is left is removed."""
    output.parent.mkdir(parents=True, exist_ok=True)
    path = output.with_name(f".{output.stem}.{secrets.token_hex(4)}{output.suffix}")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def publish(
    written: Path,
    output: Path,
    parity: Parity,
    tolerance: Tolerance,
    speeds: Speeds,
    about: Mapping[str, Any],
) -> None:
    """Give the file its name, NAME.failed where it is too far off, and say what was found.

    written: the file under a name for a while.  output: its name.
    about: further entries of NAME.parity.json.
    Raises ValueError: it is too far off.
    """
    exceeded = tolerance.exceeded(parity)
    failed = output.with_name(output.name + FAILED)
    name = failed if exceeded else output
    content = {
        **about,
        "file": name.name,
        "bytes": written.stat().st_size,
        "passed": not exceeded,
        "parity": {**asdict(parity), "miou": parity.miou},
        "tolerance": asdict(tolerance),
        "latency": speeds.plain(),
    }
    if not exceeded:  # what an earlier try has left
        for left in (failed, _parity(failed)):
            left.unlink(missing_ok=True)
    os.replace(written, name)
    write_whole(_parity(name), json.dumps(content, indent=2) + "\n")
    _print(name, parity, tolerance, speeds)
    if exceeded:
        raise ValueError(
            f"output={output}: too far from the checkpoint: {', '.join(exceeded)}; the file is kept as {name}"
        )


def _parity(path: Path) -> Path:
    return path.with_name(path.name + PARITY)


def _print(name: Path, parity: Parity, tolerance: Tolerance, speeds: Speeds) -> None:
    console = Console()
    # A title of rich's would be broken where the table is narrow.
    console.print(
        f"{name} against its checkpoint, {parity.num_pictures} pictures", markup=False, soft_wrap=True
    )
    difference = _table("", "", "tolerance")
    difference.add_row("largest difference of a logit", f"{parity.logits:.3g}", _limit(tolerance.logits))
    difference.add_row(
        "pixels with another label, %", _percent(parity.pixels), _limit(tolerance.pixels, percent=True)
    )
    if parity.miou is not None:
        difference.add_row("mIoU before, %", percent(parity.miou_before), "")
        difference.add_row("mIoU after, %", percent(parity.miou_after), "")
        difference.add_row("loss of mIoU, %", _percent(parity.miou), _limit(tolerance.miou, percent=True))
    console.print(difference)
    if speeds.milliseconds:
        height, width = speeds.size
        console.print(f"milliseconds a picture of {width}x{height}, {speeds.num_threads} threads")
        times = _table("", "median", "p95")
        for each, speed in speeds.milliseconds.items():
            times.add_row(each, f"{speed.median:.1f}", f"{speed.p95:.1f}")
        console.print(times)


def _table(*heads: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left")
    return table


def _limit(value: float | None, percent: bool = False) -> str:
    return "any" if value is None else _percent(value) if percent else f"{value:g}"


def _percent(share: float) -> str:
    return f"{100 * share:.4f}"
