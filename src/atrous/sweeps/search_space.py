"""A search space in the grammar of Hydra's sweeps, as distributions of Optuna's."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def distribution(override: Override) -> "BaseDistribution":
    """The part of the search space that a sweep of Hydra's grammar says.

    Raises ValueError: one that Optuna cannot choose from.
    """
    from optuna.distributions import CategoricalDistribution

    sweep: Any = override.value()
    if isinstance(sweep, ChoiceSweep):
        return CategoricalDistribution(list(override.sweep_string_iterator()))
    if not isinstance(sweep, RangeSweep | IntervalSweep):
        raise ValueError(f"{override.input_line}: expected interval, range or choice")
    if isinstance(sweep, IntervalSweep):
        ends: list[Any] = [sweep.start, sweep.end]
        return _numbers(ends)(*ends, log="log" in sweep.tags)
    numbers: list[Any] = [sweep.start, sweep.stop, sweep.step]
    start, stop, step = numbers
    last = start + (math.ceil(round((stop - start) / step, 9)) - 1) * step  # below the stop, as in Python
    return _numbers(numbers)(start, last, step=step)


def _numbers(given: Sequence[int | float]) -> "Callable[..., BaseDistribution]":
    """Whole numbers where all that are given are."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return IntDistribution if all(isinstance(each, int) for each in given) else FloatDistribution
