"""What a logger is here: a place that takes values, pictures, scores and checkpoints of a run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from atrous.labels import LabelSet
from atrous.metrics.evaluation import Evaluation
from atrous.report.pictures import panel
from atrous.report.plots import confusion_plot
from atrous.report.tables import plain, shares

Pixels = NDArray[np.uint8]

SCORES = ("iou", "dice", "precision", "recall", "boundary_iou")  # columns of the table a class
SIGNALLED = 128  # exit statuses above it are of runs that a signal has stopped
DPI = 110  # of the confusion matrix


@dataclass(frozen=True)
class Run:
    """What is said of a run beside its values.

    id: the same whenever the run goes on; of letters and digits.
    name: for people.  group: of the sweep that it is part of.
    config: plain data without secrets.  arguments: of the command line, without secrets.
    code: which code trains: its version, and its git commit where there is one.
    """

    folder: Path
    id: str
    name: str
    group: str | None
    tags: tuple[str, ...]
    config: Mapping[str, Any]
    arguments: tuple[str, ...]
    code: Mapping[str, Any]


@dataclass(frozen=True)
class Sample:
    """A picture of the val split.  image: uint8 (H, W, 3).  truth, predicted: uint8 (H, W), 255 = ignore."""

    name: str
    image: Pixels
    truth: Pixels
    predicted: Pixels
    labels: LabelSet

    @cached_property
    def panel(self) -> Pixels:
        """Image, truth, prediction and errors side by side: uint8 (H', W', 3)."""
        return panel(self.image, self.truth, self.predicted, self.labels)

    def smaller(self, side: int) -> "Sample":
        """With a longer side of at most ``side`` pixels."""
        height, width = self.truth.shape
        if max(height, width) <= side:
            return self
        factor = side / max(height, width)
        size = max(1, round(width * factor)), max(1, round(height * factor))
        image = np.asarray(Image.fromarray(self.image).resize(size, Image.Resampling.BOX))
        truth, predicted = (
            np.asarray(Image.fromarray(indices).resize(size, Image.Resampling.NEAREST))
            for indices in (self.truth, self.predicted)
        )
        return Sample(self.name, image, truth, predicted, self.labels)


@dataclass(frozen=True)
class Kept:
    """A checkpoint that a finished training leaves.

    alias: last, best.  step: that it is of; None: not known.  score: that it was chosen by.
    """

    alias: str
    path: Path
    step: int | None
    score: float | None = None


@dataclass(frozen=True)
class Validation:
    """The scores of a validation, as loggers show them."""

    evaluation: Evaluation

    @property
    def columns(self) -> list[str]:
        """Of the table."""
        return ["class", "share", *SCORES]

    @cached_property
    def rows(self) -> list[list[Any]]:
        """One a class: its name, its share of the pixels, its scores in [0, 1]; None: not scored."""
        found = self.evaluation.scores()
        share = np.array(list(shares(self.evaluation).values()))
        classes = self.evaluation.labels.classes
        columns = [plain(values, classes) for values in (share, *(found[name] for name in SCORES))]
        return [[name, *(column[name] for column in columns)] for name in classes]

    @cached_property
    def confusion(self) -> Pixels:
        """The confusion matrix as a picture, uint8 (H, W, 3)."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figure = confusion_plot(self.evaluation.total[:-1, :-1], self.evaluation.labels.classes)
        figure.set_dpi(DPI)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        drawn = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
        return np.asarray(drawn)[..., :3].copy()


class Sink(ABC):
    """Takes what a training tells, in the first of its processes alone.

    It is called in this order: ``begin``, any of the others, ``end``.  What it raises is told, and costs the
    training nothing.  Steps are optimizer steps that are done.
    """

    @abstractmethod
    def begin(self, run: Run, step: int) -> None:
        """Begin the run, or go on with it after ``step``."""

    @abstractmethod
    def values(self, values: Mapping[str, float], step: int) -> None:
        """Take numbers by name, such as val/iou/road."""

    @abstractmethod
    def samples(self, samples: Sequence[Sample], step: int) -> None:
        """Take pictures of the val split: the same ones every time."""

    @abstractmethod
    def validation(self, validation: Validation, step: int) -> None:
        """Take the scores of a validation by class."""

    @abstractmethod
    def checkpoints(self, kept: Sequence[Kept]) -> None:
        """Take the files that a finished training leaves, if they are wanted."""

    @abstractmethod
    def end(self, code: int) -> None:
        """Close.  code: the exit status; 128 and its number where a signal has stopped the run."""


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested plain data as {a.b.0: value}; what is empty stays as it is."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        inner = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(inner, Mapping) and inner:
            found |= flat({str(name): each for name, each in inner.items()}, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
