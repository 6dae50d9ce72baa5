"""Mixing: pixels of a second sample, chosen by their class, are pasted into the first.

Ignored pixels are never pasted: the padding of a crop is among them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from atrous.labels import LabelSet

Pixels = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""A picture, uint8 (H, W, 3), and its labels, uint8 (H, W)."""


class Mix(Protocol):
    """What is pasted from which sample: a function of its arguments, the random generator among them."""

    def partner(self, num_samples: int, rng: np.random.Generator) -> tuple[int, int | None] | None:
        """The second sample's index, and the class that its crop must show, if any.  None: do not mix."""
        ...

    def paste(self, first: Pixels, second: Pixels, rng: np.random.Generator) -> Pixels:
        """The first sample with pixels of the second, of the same size."""
        ...


class ClassMix:
    """Half of the classes of any other sample.

    probability: of a sample to be mixed.
    Source: Olsson et al., "ClassMix: Segmentation-based data augmentation for semi-supervised learning",
    2021, with true labels in the place of predicted ones.
    """

    def __init__(
        self,
        labels: LabelSet,
        counts: Callable[[], NDArray[np.int64]] | None = None,
        probability: float = 0.5,
    ) -> None:
        del counts
        self.labels = labels
        self.probability = _checked(probability)

    def partner(self, num_samples: int, rng: np.random.Generator) -> tuple[int, int | None] | None:
        """Any."""
        return (int(rng.integers(num_samples)), None) if rng.random() < self.probability else None

    def paste(self, first: Pixels, second: Pixels, rng: np.random.Generator) -> Pixels:
        """Half of the classes, rounded down: of a sample of one class nothing is pasted."""
        present = np.unique(second[1])
        present = present[present != self.labels.ignore_index]
        return pasted(first, second, rng.permutation(present)[: len(present) // 2])


class CopyPaste:
    """All pixels of the named classes of a sample that shows one of them: more of what is rare.

    counts: gives int64 (num_pictures, C + 1), as statistics.class_counts.
    classes: names; each is as often the one that the second sample is chosen for.
    probability: of a sample to be mixed.
    Source: Ghiasi et al., "Simple copy-paste is a strong data augmentation method for instance segmentation",
    2021, with classes in the place of instances.
    Raises ValueError: a class that the label set does not have, or that no training picture shows.
    """

    def __init__(
        self,
        labels: LabelSet,
        counts: Callable[[], NDArray[np.int64]],
        classes: Sequence[str],
        probability: float = 0.5,
    ) -> None:
        if isinstance(classes, str) or not classes:
            raise ValueError(
                f"mix.classes={classes}: expected a list of class names, such as [pole,bicyclist]"
            )
        self.classes = [labels.index(name) for name in classes]
        self.probability = _checked(probability)
        self.holders = [np.flatnonzero(counts()[:, index]) for index in self.classes]
        for name, pictures in zip(classes, self.holders, strict=True):
            if len(pictures) == 0:
                raise ValueError(f"mix.classes: no training picture shows a pixel of '{name}'; leave it out")

    def partner(self, num_samples: int, rng: np.random.Generator) -> tuple[int, int | None] | None:
        """One that holds a named class, and a crop of it that shows the class."""
        if rng.random() >= self.probability:
            return None
        which = int(rng.integers(len(self.classes)))
        return int(rng.choice(self.holders[which])), self.classes[which]

    def paste(self, first: Pixels, second: Pixels, rng: np.random.Generator) -> Pixels:
        """All pixels of the named classes."""
        return pasted(first, second, self.classes)


def pasted(first: Pixels, second: Pixels, classes: Sequence[int] | NDArray[np.uint8]) -> Pixels:
    """``first`` with the pixels of ``second`` whose label is one of ``classes``."""
    chosen = np.isin(second[1], classes)
    return np.where(chosen[..., None], second[0], first[0]), np.where(chosen, second[1], first[1])


def _checked(probability: float) -> float:
    if not 0 <= probability <= 1:
        raise ValueError(f"mix.probability={probability}: expected a number from 0 to 1")
    return probability
