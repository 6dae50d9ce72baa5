"""The rows of a comparison (comparison.json), for the printed table and for the page."""

from collections.abc import Callable, Mapping
from string import ascii_uppercase
from typing import Any, NamedTuple

from atrous.report.page import percent

Data = Mapping[str, Any]

MEANS = {
    "miou": "mIoU",
    "mean_dice": "mean Dice",
    "mean_accuracy": "mean accuracy",
    "pixel_accuracy": "pixel accuracy",
    "frequency_weighted_iou": "freq.-weighted IoU",
    "mean_boundary_iou": "mean boundary IoU",
    "category_miou": "category mIoU",
    "instance_miou": "instance mIoU",
    "instance_category_miou": "instance category mIoU",
    "miou_per_image": "mIoU per image",
    "calibration_error": "calibration error",
}
COSTS = ("parameters", "GMAC", "seconds a picture", "device", "training")
LOWER_IS_BETTER = frozenset({"calibration_error"})


class Cell(NamedTuple):
    """A group's score, in [0, 1], and its standard deviation over seeds; None: there is none."""

    mean: float | None
    std: float | None

    def __str__(self) -> str:
        spread = "" if self.std is None else f" ±{100 * self.std:.2f}"
        return percent(self.mean) + spread


class Difference(NamedTuple):
    """How far a group is above the baseline, in [-1, 1]; None: not known.

    better: by an interval that excludes 0; None: it does not.
    """

    value: float | None
    ends: tuple[float, float] | None
    confidence: float | None
    better: bool | None

    @property
    def points(self) -> str:
        """+1.23, with a star where the interval excludes 0."""
        mark = "" if self.better is None else " *"
        return "-" if self.value is None else f"{100 * self.value:+.2f}{mark}"

    @property
    def interval(self) -> str:
        """+0.12 to +2.34."""
        return "" if self.ends is None else f"{100 * self.ends[0]:+.2f} to {100 * self.ends[1]:+.2f}"

    @property
    def sure(self) -> str:
        """The confidence in percent; 1,000 resamples tell no more than 99.9."""
        if self.confidence is None:
            return ""
        return ">99.9" if self.confidence > 0.999 else f"{100 * self.confidence:.1f}"


class Row(NamedTuple):
    """A score, or its entry for a class: in each group, and how far each is above the baseline."""

    name: str
    cells: dict[str, Cell]
    differences: dict[str, Difference]


def letters(data: Data) -> dict[str, str]:
    """What the groups are called where there is no room for their names: A is the baseline."""
    alphabet = [*ascii_uppercase, *(f"#{place}" for place in range(27, len(data["groups"]) + 1))]
    return dict(zip(data["groups"], alphabet, strict=False))


def mean_rows(data: Data) -> list[Row]:
    """The scores that are one number, mIoU first."""
    known = data["groups"][data["baseline"]]["mean"]
    return [_row(data, words, name, None) for name, words in MEANS.items() if name in known]


def class_rows(data: Data) -> list[Row]:
    """The IoU of each class, in index order."""
    return [_row(data, name, "iou", name) for name in data["pictures_with_class"]]


def cost_rows(data: Data) -> dict[str, list[str]]:
    """Of each group parameters, GMAC, seconds a picture, their device, and the time of training.

    A dash: not known.  Empty where nothing is.
    """
    rows = {name: _cost_cells(group["costs"]) for name, group in data["groups"].items()}
    return rows if any(cell != "-" for cells in rows.values() for cell in cells) else {}


def _cost_cells(costs: Mapping[str, Any]) -> list[str]:
    seconds = costs["training_seconds"]
    known: dict[str, Callable[[Any], str]] = {
        "num_parameters": lambda number: f"{number / 1e6:.2f} M",
        "gmac": lambda number: f"{number:.2f}",
        "seconds_per_picture": lambda number: f"{number:.4f}",
        "device": str,
    }
    cells = ["-" if costs[name] is None else form(costs[name]) for name, form in known.items()]
    return [*cells, "-" if seconds is None else duration(seconds)]


def duration(seconds: float) -> str:
    """1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _row(data: Data, words: str, name: str, entry: str | None) -> Row:
    cells = {
        group: Cell(_entry(found["mean"], name, entry), _entry(found["std"], name, entry))
        for group, found in data["groups"].items()
    }
    differences = {other: _difference(found, name, entry) for other, found in data["differences"].items()}
    return Row(words, cells, differences)


def _difference(found: Mapping[str, Any], name: str, entry: str | None) -> Difference:
    value, ends, confidence = (
        _entry(found[part], name, entry) for part in ("value", "intervals", "confidence")
    )
    better = None
    if ends is not None and (ends[0] > 0 or ends[1] < 0):
        better = (ends[0] > 0) != (name in LOWER_IS_BETTER)
    return Difference(value, ends, confidence, better)


def _entry(scores: Mapping[str, Any] | None, name: str, entry: str | None) -> Any:
    """A number of data shaped as scores.json; None: there is none."""
    found = None if scores is None else scores.get(name)
    return found if entry is None or found is None else found.get(entry)
