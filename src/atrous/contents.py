"""What a checkpoint says of its weights: plain data out of a file, checked before anything is made of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from atrous.labels import LabelSet

RAW, EMA = "raw", "ema"  # weights as they are trained, and their moving average
AVERAGED = "averaged"  # where a checkpoint keeps the latter
DEEPEST = 60
EXPECTED: dict[type, str] = {dict: "a mapping", int: "a whole number", str: "a text"}


@dataclass(frozen=True)
class About:
    """config: the composed config, plain data with its interpolations.

    step: optimizer steps.  seconds: that these took.
    weights: of several, those that the run was judged by; of an export, which ones these are.
    """

    config: dict[str, Any]
    labels: LabelSet
    step: int
    seconds: float
    weights: str = RAW


def about(data: Mapping[str, Any], step: object) -> About:
    """``data`` (config, labels, seconds) and the step, each of its kind.

    Raises ValueError: something is missing, or of another kind; it names which.
    """
    config, seconds = entry(data, "config", dict), data.get("seconds")
    _require_plain(config)
    if isinstance(step, bool) or not isinstance(step, int) or step < 0:
        raise ValueError(f"its step is {_short(step)}; expected a whole number, 0 or more")
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not 0 <= float(seconds or 0) < math.inf:
        raise ValueError(f"its seconds are {_short(seconds)}; expected a number, 0 or more")
    weights = entry({"weights": RAW, **data}, "weights", str)  # older ones lack it
    return About(config, _labels(entry(data, "labels", dict)), step, float(seconds or 0), weights)


def state_dict(value: object) -> dict[str, Tensor]:
    """Weights by name.  Raises ValueError: it is something else."""
    if not isinstance(value, dict) or not value:
        raise ValueError(f"its weights are {_short(value)}; expected tensors by name")
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise ValueError(f"its weights hold {_short(name)}: {_short(tensor)}; expected tensors by name")
    return value


def entry(data: object, key: str, kind: type) -> Any:
    """One entry of a mapping.  Raises ValueError: it is not there, or of another kind."""
    if not isinstance(data, Mapping) or key not in data:
        raise ValueError(f"it has no entry '{key}'")
    value = data[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"its entry '{key}' is {_short(value)}; expected {EXPECTED[kind]}")
    return value


def _require_plain(config: dict[Any, Any]) -> None:
    """Raises ValueError: a config with other values than YAML has, or deeper than any config is."""
    if not all(isinstance(key, str) for key in config):
        raise ValueError("its config has keys that are no texts")
    level: list[Any] = [config]
    for _ in range(DEEPEST):
        others = [node for node in level if not isinstance(node, dict | list | str | int | float | None)]
        if others:
            raise ValueError(f"its config holds {_short(others[0])}; expected plain data")
        inner = [
            node.values() if isinstance(node, dict) else node
            for node in level
            if isinstance(node, dict | list)
        ]
        level = [child for children in inner for child in children]
    if level:
        raise ValueError(f"its config is more than {DEEPEST} levels deep")


def _labels(data: dict[str, Any]) -> LabelSet:
    try:
        made = LabelSet.from_dict(data)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"its label set is none ({reason})") from error
    names = (made.name, *made.classes, *made.categories)
    indices = [index for members in made.categories.values() for index in members]
    indices += [*made.instance_sizes, *(index for pair in made.mirror_pairs for index in pair)]
    if (
        not all(isinstance(name, str) for name in names)
        or not all(isinstance(index, int) and 0 <= index < made.num_classes for index in indices)
        or len(made.colors) != made.num_classes
    ):
        raise ValueError("its label set is none (names, colours or class indices do not fit its classes)")
    return made


def _short(value: object) -> str:
    return repr(value)[:60] if isinstance(value, str | int | float | None) else type(value).__name__
