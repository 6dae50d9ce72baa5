"""Filling the cache of decoded pixels before a training, on all cores."""

import sys
import time
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from atrous.data.cache import PixelCache
from atrous.data.cached import Cached
from atrous.data.layouts.pairs import Layout, Pair
from atrous.data.processes import progress, spread
from atrous.data.reading import Files

MOST_TOLD = 20  # pairs that cannot be read


def fill(pairs: Sequence[Pair], layout: Layout, folder: Path, num_workers: int | None = None) -> int:
    """Decode into ``folder`` what is not there, and say what came of it; the exit status, as conf/cache.yaml.

    num_workers: processes; None: a core each; 0: none but this one.
    """
    print(f"decoding {len(pairs)} pictures and their labels into {folder}", flush=True)
    start = time.perf_counter()
    work = partial(_fill, files=Files(layout.labels, layout.label_format), folder=folder)
    with progress("decoding") as tell:
        filled, complete = spread(work, pairs, num_workers, tell)
    problems = [each.problem for each in filled if each.problem is not None]
    full = [each.full for each in filled if each.full is not None]
    gigabytes, seconds = sum(each.num_bytes for each in filled) / 1e9, time.perf_counter() - start
    num_decoded = sum(each.num_decoded for each in filled)
    print(
        f"{len(filled) - len(problems)} of {len(pairs)} pairs are there, {gigabytes:.2f} GB; "
        f"{num_decoded} files were decoded in {seconds:.0f} s"
    )
    for told in [*problems[:MOST_TOLD], *full[:1]]:
        print(told, file=sys.stderr)
    if len(problems) > MOST_TOLD:
        print(f"(and {len(problems) - MOST_TOLD} more cannot be read)", file=sys.stderr)
    if not complete:
        return 130
    if not full:
        print(f"a training reads them with: data.cache=disk data.cache_dir={folder}")
    return int(bool(problems or full))


class Filled(NamedTuple):
    """What came of a pair.

    problem: why it cannot be read.  full: why it could not be kept.  None: nothing is wrong.
    num_bytes: of its pixels.  num_decoded: files, that were not there yet.
    """

    problem: str | None
    full: str | None
    num_bytes: int
    num_decoded: int


def _fill(pairs: Sequence[Pair], files: Files, folder: Path) -> list[Filled]:
    kept, told = _cache_of(folder)
    read = Cached(files, kept)
    filled = []
    for pair in pairs:
        before = read.num_decoded
        try:
            num_bytes = sum(pixels.nbytes for pixels in read(pair))
            filled.append(Filled(None, told[0] if told else None, num_bytes, read.num_decoded - before))
        except ValueError as error:
            filled.append(Filled(str(error), None, 0, 0))
    return filled


@cache
def _cache_of(folder: Path) -> tuple[PixelCache, list[str]]:
    """This process's view of the folder, and what it told."""
    told: list[str] = []
    return PixelCache(folder, tell=told.append), told
