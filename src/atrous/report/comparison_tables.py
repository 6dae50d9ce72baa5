"""A comparison (comparison.json) as printed tables."""

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from atrous.report.differences import COSTS, Data, Row, class_rows, cost_rows, letters, mean_rows

MAX_VALUES = 2  # groups beside the baseline whose values are printed beside the differences
COLORS = {True: "green", False: "red", None: "none"}


def print_comparison(data: Data) -> None:
    """Groups by mIoU, means, classes and costs, in percent and points; what is to be known below."""
    console = Console(highlight=False)
    of = f" of split '{data['split']}'" if data["split"] else ""
    console.print(
        f"{data['num_pictures']} pictures{of}; scores in percent, differences in points\n", markup=False
    )
    for line in _groups(data):
        console.print(line, markup=False)
    console.print(_table(data, mean_rows(data), "score"))
    console.print(_table(data, class_rows(data), "IoU"))
    costs = cost_rows(data)
    if costs:
        console.print(_costs(data, costs))
    for note in data["notes"]:
        console.print(f"- {note}", markup=False)


def _groups(data: Data) -> list[str]:
    """A line a group, with the letter that it has in the tables."""
    miou = mean_rows(data)[0]
    lines = []
    for name, letter in letters(data).items():
        cell, found = miou.cells[name], miou.differences.get(name)
        runs = data["groups"][name]["runs"]
        several = f" ({len(runs)} runs)" if len(runs) > 1 else ""
        line = f"{letter}  {name}{several}: mIoU {cell}"
        if found is not None:
            line += f", {found.points}"
        if found is not None and found.ends is not None:
            line += f" ({found.interval}), confidence {found.sure} %"
        lines.append(line)
    return lines


def _table(data: Data, rows: list[Row], head: str) -> Table:
    """A line a row: with one group beside the baseline in full, with more in short."""
    table = Table(head, box=SIMPLE_HEAD, padding=(0, 1))
    others = len(data["differences"])
    for letter in letters(data).values():
        moved = [f"{letter} - A", *(("95 %", "confidence") if others == 1 else ())]
        for column in ["A"] if letter == "A" else moved if others > MAX_VALUES else [letter, *moved]:
            table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        cells = []
        for name, cell in row.cells.items():
            found = row.differences.get(name)
            if found is None or others <= MAX_VALUES:
                cells.append(str(cell))
            if found is not None:
                points = f"[{COLORS[found.better]}]{found.points}[/]"
                cells += [points, *((found.interval, found.sure) if others == 1 else ())]
        table.add_row(escape(row.name), *cells)
    return table


def _costs(data: Data, costs: Mapping[str, list[str]]) -> Table:
    table = Table("", *COSTS, box=SIMPLE_HEAD, padding=(0, 1))
    for column in table.columns[1:]:
        column.justify = "right"
    for name, cells in costs.items():
        table.add_row(letters(data)[name], *map(escape, cells))
    return table
