"""A comparison (comparison.json) as printed tables."""

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from atrous.report.differences import Data, Row, class_rows, cost_rows, mean_rows

COSTS = ("parameters", "GMAC", "seconds a picture", "device", "training")
MAX_IN_FULL = 1  # others whose intervals fit beside the baseline in a terminal's width


def print_comparison(data: Data) -> None:
    """Means, classes and costs, in percent and points; what is to be known below."""
    console = Console()
    of = f" of split '{data['split']}'" if data["split"] else ""
    said = f"{data['num_pictures']} pictures{of}; scores in percent, differences in points"
    console.print(said, highlight=False, markup=False)
    console.print(_table(data, mean_rows(data), "score"))
    console.print(_table(data, class_rows(data), "IoU of", data["pictures_with_class"]))
    costs = cost_rows(data)
    if costs:
        console.print(_costs(costs))
    for note in data["notes"]:
        console.print(f"- {note}", highlight=False, markup=False)


def _table(data: Data, rows: list[Row], head: str, num_pictures: Mapping[str, int] | None = None) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1))
    table.add_column(head)
    if num_pictures is not None:
        table.add_column("pictures", justify="right")
    others = list(data["differences"])
    in_full = len(others) <= MAX_IN_FULL
    for name, group in data["groups"].items():
        table.add_column(_heading(name, len(group["runs"])), justify="right")
        if name in others:
            for column in ("difference", "95 %", "confidence") if in_full else ("difference",):
                table.add_column(column, justify="right")
    for row in rows:
        cells = [] if num_pictures is None else [str(num_pictures[row.name])]
        for name, cell in row.cells.items():
            cells.append(str(cell))
            if name in others:
                moved = row.differences[name]
                color = {True: "green", False: "red", None: "none"}[moved.better]
                points = f"[{color}]{moved.points}[/]"
                cells += [points, moved.interval, moved.sure] if in_full else [points]
        table.add_row(escape(row.name), *cells)
    return table


def _costs(costs: Mapping[str, list[str]]) -> Table:
    table = Table("costs", box=SIMPLE_HEAD, padding=(0, 1))
    for column in COSTS:
        table.add_column(column, justify="left" if column == "device" else "right")
    for name, cells in costs.items():
        table.add_row(escape(name), *cells)
    return table


def _heading(name: str, num_runs: int) -> str:
    return escape(name) + (f"\n{num_runs} runs" if num_runs > 1 else "")
