"""What a search works with, and what it says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import lightning as L

from atrous.data.datamodule import SegmentationData
from atrous.module import SegmentationModule


class MakeTrainer(Protocol):
    """A trainer of the config that trains for so many steps, keeps nothing and validates nothing."""

    def __call__(
        self, num_steps: int, callbacks: Sequence[L.Callback] = (), shown: bool = False
    ) -> L.Trainer:
        """callbacks: the only ones beside those that its numbers hang on.  shown: with a bar."""
        ...


class Search(Protocol):
    """Finds a value."""

    def __call__(
        self, module: SegmentationModule, data: SegmentationData, make_trainer: MakeTrainer, folder: Path
    ) -> str:
        """The value as an override to paste; plots of how it was found go into ``folder``.

        The module's weights are changed: they are not to be used any further.
        Raises ValueError: none was found; it says what to do.
        """
        ...
