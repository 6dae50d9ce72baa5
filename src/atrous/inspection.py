"""A data set looked at, and what is said of it: printed, as inspection.json, and as a page."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atrous.data.inspection.finding import Finding, Plan, Scanned, count_pixels
from atrous.data.inspection.findings import findings
from atrous.data.inspection.listing import Listing
from atrous.data.inspection.look import Record
from atrous.data.inspection.scan import scan
from atrous.data.inspection.similar import Near, find_near
from atrous.data.inspection.summary import summary
from atrous.data.layouts.pairs import Layout, Pair
from atrous.data.processes import progress
from atrous.data.reading import read_image
from atrous.report.inspection import print_inspection, write_inspection

MOST_PAIRS = 12  # near-duplicates that the page shows

# A sample as the network gets it: its name, uint8 (H, W, 3), and labels, uint8 (H, W).
Drawn = tuple[str, NDArray[np.uint8], NDArray[np.uint8]]
# Draws samples of pairs, given the pixels of each class in each: int64 (num_pairs, C + 1), ignored ones last.
Draw = Callable[[Sequence[Pair], NDArray[np.int64]], list[Drawn]]


def look_at(listings: Sequence[Listing], layout: Layout, num_workers: int | None = None) -> Scanned:
    """Read every pair once, and search the splits for pictures of the same scene.

    num_workers: processes; None: a core each; 0: none but this one.
    An interruption (Ctrl-C) ends this, and what was seen comes back.
    """
    pairs = [(listing.split, pair) for listing in listings for pair in listing.pairs]
    several = sum(bool(listing.pairs) for listing in listings) > 1
    print(f"reading {len(pairs)} pictures and their labels", flush=True)
    with progress("reading") as tell:
        records, complete = scan(pairs, layout.labels, layout.label_format, several, num_workers, tell)
    near: list[Near] = []
    if complete:
        try:
            near = _near(records, [listing.split for listing in listings])
        except KeyboardInterrupt:
            complete = False
    return Scanned(layout.labels, listings, records, near, complete)


def _near(records: Sequence[Record], splits: Sequence[str]) -> list[Near]:
    """Pictures of the same scene in two splits, those left out that are the same picture."""
    signed = [index for index, record in enumerate(records) if record.signature is not None]
    signatures = [record.signature for index in signed if (record := records[index]).signature is not None]
    groups = [splits.index(records[index].split) for index in signed]
    with progress("comparing") as tell:
        found = find_near(signatures, groups, tell)
    placed = [near._replace(first=signed[near.first], second=signed[near.second]) for near in found]
    return [near for near in placed if records[near.first].digest != records[near.second].digest]


def report(
    scanned: Scanned,
    plan: Plan,
    output: Path,
    about: dict[str, Any],
    draw: Draw,
) -> list[Finding]:
    """Write inspection.json and inspection.html in ``output``, print both in short; the findings.

    about: entries of inspection.json that open it.  draw: samples of some pairs as the network gets them.
    """
    found = findings(scanned, plan)
    data = {**about, **summary(scanned, found)}
    output.mkdir(parents=True, exist_ok=True)
    (output / "inspection.json").write_text(json.dumps(data, indent=2) + "\n")
    sound = [record for record in scanned.of(scanned.train) if record.sound]
    counts = count_pixels(sound, scanned.labels)
    drawn = draw([record.pair for record in sound], counts) if counts[:, :-1].any() else []
    photos = {
        path: read_image(Path(path))
        for near in data["near_duplicates"][:MOST_PAIRS]
        for path in (near["image"], near["other_image"])
    }
    write_inspection(output / "inspection.html", data, scanned.labels, photos, drawn)
    print_inspection(data)
    return found


def exit_status(scanned: Scanned, found: Sequence[Finding]) -> int:
    """0: training may start.  1: there is an error, as docs/inspect.md has it.  130: not all was read."""
    if not scanned.complete:
        return 130
    return int(any(each.severity == "error" for each in found))
