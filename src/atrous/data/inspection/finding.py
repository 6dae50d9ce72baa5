"""What every finding says, and what it is judged by."""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from atrous.data.inspection.listing import Listing
from atrous.data.inspection.look import Record
from atrous.data.inspection.similar import Near
from atrous.labels import LabelSet

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """What a person must know.

    severity: an error stops a training, teaches it something wrong, or scores it by pictures that it knows; a
        warning is for a person to judge.
    kind: one word for scripts.  sentence: what was found, where, and what was expected.  remedy: what to do.
    examples: each of the files, or what is said of it.
    """

    severity: Severity
    kind: str
    sentence: str
    remedy: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a training would do with the data.

    crop_size: (height, width); None: pictures are not cropped.  flips: whether some are mirrored.
    own_labels: whether the config says how label files are spelt (data=folder), or the data set is a known
        one.
    """

    batch_size: int
    eval_batch_size: int
    crop_size: tuple[int, int] | None
    flips: bool
    own_labels: bool


@dataclass(frozen=True)
class Scanned:
    """All that was seen.  near: by position in ``records``.  complete: whether every pair was read."""

    labels: LabelSet
    listings: Sequence[Listing]
    records: Sequence[Record]
    near: Sequence[Near]
    complete: bool

    @property
    def train(self) -> str:
        """The split that is trained on."""
        return next(listing.split for listing in self.listings if "train" in listing.stages)

    def part(self, needed: bool) -> "Scanned":
        """Without near-duplicates, what a training reads, or what only a test would."""
        listings = [listing for listing in self.listings if listing.needed == needed]
        splits = {listing.split for listing in listings}
        others = {record.pair for record in self.records if record.split not in splits}
        records = [
            record
            for record in self.records
            if record.split in splits and (needed or record.pair not in others)
        ]
        return Scanned(self.labels, listings, records, (), self.complete)

    def of(self, split: str) -> list[Record]:
        """The records of a split."""
        return [record for record in self.records if record.split == split]

    def counts(self, split: str) -> NDArray[np.int64]:
        """Pixels of each class in each labelled picture: int64 (num_pictures, C + 1), ignored ones last."""
        return count_pixels(self.of(split), self.labels)

    @cached_property
    def counted(self) -> Mapping[str, NDArray[np.int64]]:
        """``counts`` of each split that has labelled pixels."""
        every = {listing.split: self.counts(listing.split) for listing in self.listings}
        return {split: counts for split, counts in every.items() if counts[:, :-1].any()}


def count_pixels(records: Sequence[Record], labels: LabelSet) -> NDArray[np.int64]:
    """Pixels of each class in each of the pictures that have labels: int64 (num_pictures, C + 1)."""
    rows = [record.seen.counts for record in records if record.seen is not None]
    return np.stack(rows) if rows else np.zeros((0, labels.num_classes + 1), np.int64)


def more(listed: Sized) -> str:
    """That the one named is not the only one."""
    return f" (and {len(listed) - 1} more)" if len(listed) > 1 else ""


def some(words: Sequence[str], most: int = 6) -> str:
    """The words, or the first few and how many more."""
    rest = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + rest
