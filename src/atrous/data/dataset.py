"""One data set class for every layout: reads a pair, maps its labels to classes, augments.

What happens to a sample is a function of the seed and its key alone: not of workers, devices or restarts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.pairs import Pair
from atrous.data.mix import Mix, Pixels
from atrous.data.reading import read_objects, read_pair
from atrous.labels import LabelSet


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


class Sample(NamedTuple):
    """image: uint8 (3, H, W).  labels: uint8 (H, W), 0..C-1 and the ignore index.  name: of the pair.

    objects: int32 (H, W), as metrics.instances; None where none are known, or augmentation may move pixels.
    """

    image: Tensor
    labels: Tensor
    name: str
    objects: Tensor | None = None


class SegmentationDataset(Dataset[Sample]):
    """Samples of a list of pairs.

    label_format: how the label files spell the classes.
    mix: None leaves every sample as it is.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        labels: LabelSet,
        augment: Augment | None,
        seed: int,
        label_format: LabelFormat = INDEX,
        mix: Mix | None = None,
    ) -> None:
        self.pairs = pairs
        self.labels = labels
        self.augment = augment
        self.seed = seed
        self.label_format = label_format
        self.mix = mix

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: SampleKey) -> Sample:
        rng = np.random.default_rng([self.seed, key.epoch, key.index, key.draw])
        image, labels = self._augmented(key.index, key.focus, rng)
        partner = None if self.mix is None else self.mix.partner(len(self), rng)
        if self.mix is not None and partner is not None:
            image, labels = self.mix.paste((image, labels), self._augmented(*partner, rng), rng)
        pair, objects = self.pairs[key.index], None
        if self.augment is None and self.mix is None and pair.objects is not None:
            objects = torch.from_numpy(read_objects(pair.objects, self.labels))
        return Sample(torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(labels), pair.name, objects)

    def _augmented(self, index: int, focus: int | None, rng: np.random.Generator) -> Pixels:
        image, labels = read_pair(self.pairs[index], self.labels, self.label_format)
        return (image, labels) if self.augment is None else self.augment(image, labels, rng, focus)
