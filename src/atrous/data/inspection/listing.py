"""The files of a split, with those that have no partner, instead of an error at the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from atrous.data.layouts.pairs import Layout, Pair, Unmatched


@dataclass(frozen=True)
class Listing:
    """What stands on disk for a split.

    stages: those that read it: train, val, test.
    missing: what is said of lines of a list whose files are not there at all.
    error: why the pairs could not be listed.
    """

    split: str
    stages: tuple[str, ...]
    pairs: Sequence[Pair] = ()
    without_label: Sequence[Path] = ()
    without_image: Sequence[Path] = ()
    missing: Sequence[str] = ()
    error: str | None = None

    @property
    def needed(self) -> bool:
        """Whether a training reads it."""
        return "train" in self.stages or "val" in self.stages


def list_split(layout: Layout, split: str, stages: Sequence[str], limit: int | None = None) -> Listing:
    """The split's pairs, the first ``limit`` of them, and what is wrong with their listing."""
    stages = tuple(stages)
    try:
        return Listing(split, stages, layout.pairs(split)[:limit])
    except Unmatched as error:
        return Listing(
            split, stages, error.pairs[:limit], error.without_label, error.without_image, error.missing
        )
    except ValueError as error:
        return Listing(split, stages, error=str(error))
