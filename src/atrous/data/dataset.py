"""One data set class for every layout: reads a pair, maps its labels to classes, augments.

What happens to a sample is a function of the seed and its key alone: not of workers, devices or restarts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from atrous.data.batch import Sample
from atrous.data.layouts.pairs import Pair
from atrous.data.mix import Mix, Pixels
from atrous.data.reading import read_objects
from atrous.data.replacing import Replacing
from atrous.labels import LabelSet


class Read(Protocol):
    """From a pair to its picture, uint8 (H, W, 3), and its class indices, uint8 (H, W)."""

    @property
    def labels(self) -> LabelSet:
        """Whose class indices they are."""
        ...

    def __call__(self, pair: Pair) -> Pixels:
        """Both; they may be read-only."""
        ...


class Jitter(Protocol):
    """How a picture's colours are drawn that change on the device."""

    def draw(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """The numbers of one picture: float32 (K,)."""
        ...


class Augment(Protocol):
    """What becomes of a picture, uint8 (H, W, 3), and its labels, uint8 (H, W): a function of its arguments.

    focus: a class that the labels hold, and that the crop is cut around; None: no matter.
    """

    def __call__(
        self,
        image: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        rng: np.random.Generator,
        focus: int | None = None,
    ) -> Pixels:
        """Both, augmented alike."""
        ...


@dataclass(frozen=True, slots=True)
class SampleKey:
    """What a sampler asks for: the sample ``index`` as it is in ``epoch``.

    draw: how often the epoch has had this index before; each time it is augmented differently.
    focus: the class for which it is drawn, and which its crop is to show; None: no matter.
    """

    epoch: int
    index: int
    draw: int = 0
    focus: int | None = None


class SegmentationDataset(Dataset[Sample]):
    """Samples of a list of pairs.

    mix: None leaves every sample as it is.  jitter: None draws no colours for the device.
    replace: whether a picture that cannot be read gives its place to another, which only training allows:
        a score is of the whole split.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        read: Read,
        augment: Augment | None,
        seed: int,
        mix: Mix | None = None,
        jitter: Jitter | None = None,
        replace: bool = False,
    ) -> None:
        self.pairs = pairs
        self.read = read
        self.augment = augment
        self.seed = seed
        self.mix = mix
        self.jitter = jitter
        self.replace = replace

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: SampleKey) -> Sample:
        seed = [self.seed, key.epoch, key.index, key.draw]
        rng = np.random.default_rng(seed)
        replacing = Replacing(self.pairs, self.read, np.random.default_rng([*seed, 1]))
        index, (image, labels) = self._augmented(key.index, key.focus, rng, replacing)
        partner = None if self.mix is None else self.mix.partner(len(self), rng)
        if self.mix is not None and partner is not None:
            _, other = self._augmented(*partner, rng, replacing)
            image, labels = self.mix.paste((image, labels), other, rng)
        pair, objects = self.pairs[index], None
        if self.augment is None and self.mix is None and pair.objects is not None:
            objects = torch.from_numpy(read_objects(pair.objects, self.read.labels))
        colors = None if self.jitter is None else torch.from_numpy(self.jitter.draw(rng))
        channels_first = _tensor(image).permute(2, 0, 1)
        return Sample(channels_first, _tensor(labels), pair.name, objects, colors, replacing.skipped)

    def _augmented(
        self, index: int, focus: int | None, rng: np.random.Generator, replacing: Replacing
    ) -> tuple[int, Pixels]:
        """The index of the picture that was read, and what became of it."""
        found, pixels = replacing(index) if self.replace else (index, self.read(self.pairs[index]))
        if found != index and focus is not None and not (pixels[1] == focus).any():
            focus = None  # what took the place does not show the class
        return found, pixels if self.augment is None else self.augment(*pixels, rng, focus)


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """The pixels, which a cache may have lent."""
    return torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy())
