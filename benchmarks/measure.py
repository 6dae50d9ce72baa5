"""What every benchmark shares: rounds in turn, medians with their spread, and ratios to a peer.

A benchmark makes tables of ways to do one thing, one of which is the peer.  ``publish`` prints them, writes
them with the facts of the machine as JSON beside the script, and puts them into docs/performance.md, between
the lines <!-- benchmark --> and <!-- /benchmark -->; with --quick it only prints.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
LIBRARIES = ("torch", "lightning", "segmentation-models-pytorch", "torchmetrics", "albumentations", "numpy")


@dataclass(frozen=True)
class Table:
    """Rounds of several ways to do one thing.

    unit: of the figures, of which less is better.
    rounds: by way, a figure a round, the same round in the same place.
    peer: the way that the others are compared with; None: no ratios.
    """

    title: str
    unit: str
    rounds: Mapping[str, list[float]]
    peer: str | None = None

    def ratios(self, way: str) -> list[float]:
        """The peer's figure over the way's, round by round: how many times better the way is."""
        assert self.peer is not None
        return [theirs / own for theirs, own in zip(self.rounds[self.peer], self.rounds[way], strict=True)]

    def markdown(self) -> str:
        """A row a way: the median of its rounds, their smallest and largest, and the median ratio."""
        head = ["", f"{self.unit} (median)", "min-max"] + ([f"{self.peer} / this"] if self.peer else [])
        rows = []
        for way, figures in self.rounds.items():
            row = [
                way,
                _number(statistics.median(figures)),
                f"{_number(min(figures))}-{_number(max(figures))}",
            ]
            if self.peer:
                ratios = self.ratios(way)
                row.append(f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}-{max(ratios):.2f})")
            rows.append(row)
        lines = [
            f"**{self.title}**",
            "",
            *(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)),
        ]
        return "\n".join(lines)


def arguments(description: str | None, repetitions: int = 5) -> argparse.Namespace:
    """The command line of a benchmark: .quick and .repetitions."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller inputs; prints, and writes nothing")
    parser.add_argument("--repetitions", type=int, default=repetitions, help="rounds that count")
    return parser.parse_args()


def in_turn(
    ways: Mapping[str, Callable[[], float]], repetitions: int = 5, warm_up: int = 1
) -> dict[str, list[float]]:
    """Figures of all ways, one after the other in each round, so that a slow moment touches each.

    The first ``warm_up`` rounds do not count.
    """
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    for count in range(-warm_up, repetitions):
        for name, way in ways.items():
            figure = way()
            if count >= 0:
                rounds[name].append(figure)
        print(f"round {count + 1} of {repetitions}", file=sys.stderr, flush=True)
    return rounds


def publish(script: str, tables: list[Table], quick: bool) -> None:
    """Print the tables; unless ``quick``, write them.  script: __file__ of the benchmark."""
    name = Path(script).stem
    text = "\n\n".join(table.markdown() for table in tables)
    print(text)
    if quick:
        return
    stored = {
        "command": f"python benchmarks/{name}.py",
        **facts(),
        "tables": [asdict(table) for table in tables],
    }
    Path(script).with_suffix(".json").write_text(json.dumps(stored, indent=1) + "\n")
    PAGE.write_text(with_section(PAGE, name, section(stored)))


def section(stored: Mapping[str, object]) -> str:
    """The Markdown of what ``publish`` stored as JSON."""
    tables = stored["tables"]
    assert isinstance(tables, list)
    caption = f"`{stored['command']}`, commit {stored['commit']}, {stored['date']}, {stored['machine']}."
    return "\n\n".join([caption, *(Table(**table).markdown() for table in tables)])


def with_section(page: Path, name: str, text: str) -> str:
    """The page's text with another section.  Raises ValueError: it has no such section."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    whole = page.read_text()
    if begin not in whole or end not in whole:
        raise ValueError(
            f"{page.name}: no lines {begin.strip()} and {end.strip()}; add them where it belongs"
        )
    before, rest = whole.split(begin)
    return before + begin + text + "\n" + end + rest.split(end)[1]


def facts() -> dict[str, object]:
    """Of this machine, now."""
    import datetime

    import torch

    commit = _git("rev-parse", "--short=7", "HEAD") or "unknown"
    changed = _git(
        "status", "--porcelain", "--", ":/*.py", ":/conf"
    )  # what another benchmark wrote is no change
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return {
        "commit": f"{commit}-dirty" if changed else commit,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {device}, Python {platform.python_version()}",
        "versions": {library: version(library) for library in LIBRARIES},
    }


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=HERE, capture_output=True, text=True, check=False
    ).stdout.strip()


def _processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or platform.machine()


def _number(value: float) -> str:
    """Three digits that say something."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
