"""What an inspection found, printed and as a page; ``data`` is what inspection.json holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from atrous.labels import LabelSet
from atrous.report.layers import STRIPES, draw_indices
from atrous.report.page import photo, shrink, shrink_indices, write_page

STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
MOST_VALUES = 64  # that the page lists
LONGEST_PHOTO = 420
LONGEST_SAMPLE = 360

Pixels = NDArray[np.uint8]


def print_inspection(data: Mapping[str, Any]) -> None:
    """The findings, then the splits, then the classes."""
    console = Console()
    for finding in data["findings"]:
        style = STYLES[finding["severity"]]
        console.print(
            f"[{style}]{finding['severity']}[/] {escape(finding['sentence'])}\n    "
            f"[dim]->[/] {escape(finding['remedy'].splitlines()[0])}",
            soft_wrap=True,
            highlight=False,
        )
    if not data["findings"]:
        console.print("[green]nothing is wrong with what was read[/]")
    console.print(_split_table(data), _class_table(data))


def _split_table(data: Mapping[str, Any]) -> Table:
    table = Table(title=f"label set {escape(data['label_set'])}: splits", title_justify="left")
    table.add_column("split")
    for name in ("pictures", "read", "sound", "sizes"):
        table.add_column(name, justify="right")
    for split, seen in data["splits"].items():
        sizes = list(seen["sizes"])
        listed = ", ".join(sizes[:2]) + (f" and {len(sizes) - 2} more" if len(sizes) > 2 else "")
        numbers = (str(seen[key]) for key in ("num_pairs", "num_read", "num_sound"))
        table.add_row(escape(split), *numbers, listed)
    return table


def _class_table(data: Mapping[str, Any]) -> Table:
    table = Table(title="classes: % of labelled pixels, and pictures that show them", title_justify="left")
    table.add_column("class")
    for name in (*data["splits"], "median frequency"):
        table.add_column(escape(name), justify="right")
    for row in class_rows(data):
        cells = [f"{100 * each['share']:.2f}  {each['pictures']:>5}" for each in row["splits"]]
        weight = row["weights"].get("median_frequency")
        table.add_row(escape(row["name"]), *cells, "-" if weight is None else f"{weight:.3g}")
    return table


def class_rows(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a class: name, share and pictures in each split, weights by formula."""
    labelled = {
        split: sum(seen["pixels"].values()) - seen["pixels"]["ignored"]
        for split, seen in data["splits"].items()
    }
    names = [name for name in next(iter(data["splits"].values()))["pixels"] if name != "ignored"]
    return [
        {
            "name": name,
            "splits": [
                {
                    "pixels": seen["pixels"][name],
                    "share": seen["pixels"][name] / max(1, labelled[split]),
                    "pictures": seen["pictures"][name],
                }
                for split, seen in data["splits"].items()
            ],
            "weights": {formula: each[name] for formula, each in data["class_weights"].items()},
        }
        for name in names
    ]


def write_inspection(
    path: Path,
    data: Mapping[str, Any],
    labels: LabelSet,
    photos: Mapping[str, Pixels],
    samples: Sequence[tuple[str, Pixels, Pixels]],
) -> None:
    """The page.  photos: by path, of the near-duplicates to show.  samples: name, picture, labels."""
    colors = {
        name: "#" + bytes(color).hex() for name, color in zip(labels.classes, labels.colors, strict=True)
    }
    held = {int(index) for _, _, indices in samples for index in np.unique(indices)}
    near = [each for each in data["near_duplicates"] if each["image"] in photos]
    write_page(
        path,
        "inspection.html",
        title=f"Inspection of {data['data']}",
        seen=data,
        rows=class_rows(data),
        colors=colors,
        stripes=STRIPES,
        values=data["label_values"][:MOST_VALUES],
        near=near,
        photos={name: photo(shrink(pixels, LONGEST_PHOTO)) for name, pixels in photos.items()},
        samples=[
            {
                "name": name,
                "image": photo(shrink(image, LONGEST_SAMPLE)),
                "labels": draw_indices(shrink_indices(indices, LONGEST_SAMPLE), labels.colors),
                "classes": ", ".join(
                    labels.classes[index] for index in np.unique(indices) if index < labels.num_classes
                ),
            }
            for name, image, indices in samples
        ],
        shown=[name for index, name in enumerate(labels.classes) if index in held],
    )
