"""The runs of a sweep as rows: in which order, with which columns, and their means over seeds.

Standard library only.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from atrous.settings import settings
from atrous.sweeps.folder import FINISHED, PRUNED_STATE, Outcome

ORDER = (FINISHED, PRUNED_STATE)  # these first; a run that was pruned has an objective of less training

LONGEST = 8  # letters of a number that is shown as it is


@dataclass(frozen=True)
class Seeds:
    """Finished runs that differ in their seed alone.

    mean, deviation: of their objectives; the sample's, with n - 1.  num: how many they are, two or more.
    """

    given: dict[str, str]
    mean: float
    deviation: float
    num: int


def ordered(outcomes: Sequence[Outcome], direction: str) -> list[Outcome]:
    """The best first: finished runs, then pruned ones, then those without an objective."""
    sign = -1 if direction == "maximize" else 1

    def place(each: Outcome) -> tuple[int, float]:
        state = ORDER.index(each.state) if each.state in ORDER else len(ORDER)
        return (state, 0.0 if math.isnan(each.objective) else sign * each.objective)

    return sorted(outcomes, key=place)


def columns(outcomes: Sequence[Outcome]) -> list[str]:
    """Every option that a run was given."""
    return list(dict.fromkeys(key for each in outcomes for key in each.given))


def varied(outcomes: Sequence[Outcome]) -> list[str]:
    """The options that not all runs have alike."""
    return [key for key in columns(outcomes) if len({each.given.get(key) for each in outcomes}) > 1]


def short(value: str) -> str:
    """A value for people: four digits of one that Optuna drew."""
    try:
        return value if len(value) <= LONGEST else f"{float(value):.4g}"
    except ValueError:
        return value


def seeds(outcomes: Sequence[Outcome]) -> list[Seeds]:
    """Groups of finished runs that differ in their seed alone, in the order of their best."""
    groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
    for each in outcomes:
        if each.state == FINISHED and "seed" in each.given:
            others = sorted((key, value) for key, value in settings(each.given).items() if key != "seed")
            groups.setdefault(tuple(others), []).append(each.objective)
    return [
        Seeds(dict(key), statistics.mean(found), statistics.stdev(found), len(found))
        for key, found in groups.items()
        if len(found) > 1
    ]
