"""A sample whose files cannot be read gives its place to another one, and is reported."""

from collections.abc import Callable, Sequence

import numpy as np

from atrous.data.batch import Skipped
from atrous.data.layouts.pairs import Pair
from atrous.data.mix import Pixels

MOST_ATTEMPTS = 100  # in a row: then something else is wrong than a file here and there


class Replacing:
    """Reads the pictures of one sample; for each that cannot be read another is drawn.

    rng: draws them.  It is the sample's own, for nothing else, so that what takes a place is a function of
    the sample's key and the files.
    skipped: what could not be read, in turn.
    """

    def __init__(
        self, pairs: Sequence[Pair], read: Callable[[Pair], Pixels], rng: np.random.Generator
    ) -> None:
        self.pairs = pairs
        self.read = read
        self.rng = rng
        self.skipped: list[Skipped] = []

    def __call__(self, index: int) -> tuple[int, Pixels]:
        """The index that could be read, and its pixels.  Raises ValueError: too many in a row could not."""
        for _ in range(MOST_ATTEMPTS):
            try:
                return index, self.read(self.pairs[index])
            except ValueError as error:
                last = error
                self.skipped.append(_skipped(self.pairs[index], str(error)))
                index = int(self.rng.integers(len(self.pairs)))
        raise ValueError(
            f"{last} (the last of {MOST_ATTEMPTS} samples in a row that cannot be read, which "
            "data.on_bad_sample=skip does not mend; see what `atrous inspect` finds in the data)"
        )


def _skipped(pair: Pair, sentence: str) -> Skipped:
    """What is wrong with a pair, by the file that the sentence begins with."""
    for path in (pair.label, pair.image):
        if path is not None and sentence.startswith(f"{path}: "):
            return Skipped(str(path), sentence.removeprefix(f"{path}: "))
    return Skipped(str(pair.image), sentence)
