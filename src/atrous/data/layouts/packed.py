"""Very many pairs in little memory."""

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from atrous.data.layouts.pairs import Pair


class PackedPairs(Sequence[Pair]):
    """Pairs as text and numbers, of which a pair is made when it is asked for.

    A million pairs of Python objects take 0.8 GB, and as much again in every worker, which touches each one's
    reference count; these are a few arrays, which workers share (benchmarks/scaling.py).
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        folders: dict[Path, int] = {}
        text, ends, parents = bytearray(), [], []
        for pair in pairs:
            text += os.fsencode(pair.name)
            ends.append(len(text))
            for path in (pair.image, pair.label, pair.objects):
                if path is not None:
                    text += os.fsencode(path.name)
                ends.append(len(text))
                parents.append(-1 if path is None else folders.setdefault(path.parent, len(folders)))
        self._folders = list(folders)
        self._text = bytes(text)
        self._ends = np.array([0, *ends], np.int64)
        self._parents: NDArray[np.int32] = np.array(parents, np.int32).reshape(-1, 3)

    def __len__(self) -> int:
        return len(self._parents)

    @overload
    def __getitem__(self, index: int) -> Pair: ...

    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...

    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        ends = self._ends[4 * place : 4 * place + 5]
        name, *files = (os.fsdecode(self._text[start:end]) for start, end in pairwise(ends))
        image, label, objects = (
            None if parent < 0 else self._folders[parent] / file
            for parent, file in zip(self._parents[place], files, strict=True)
        )
        assert image is not None
        return Pair(name, image, label, objects)
