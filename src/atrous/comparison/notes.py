"""What a reader must know beside the numbers: what they cover, and what is odd in these runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from atrous.comparison.scored import Groups, Scored
from atrous.comparison.statistics import occurrences
from atrous.metrics.bootstrap import NUM_RESAMPLES
from atrous.metrics.paired import MIN_PICTURES, enough
from atrous.settings import differing

FEW = 50  # pictures; percentile intervals of small samples are too narrow
MAX_KEYS = 6  # of the configs' differences that are named


def notes(groups: Groups) -> list[str]:
    """Sentences: on chance first, then on these runs."""
    told = [*_chance(groups), *_seeds(groups)] if len(groups) > 1 else []
    for name, members in groups.items():
        told += _oddities(name, members)
    keys = list(config_differences(groups))
    if keys:
        others = f" and {len(keys) - MAX_KEYS} more" if len(keys) > MAX_KEYS else ""
        told.append(f"Their configs differ in {', '.join(keys[:MAX_KEYS])}{others}.")
    devices = {str(each.about["costs"]["device"]) for each in _all(groups) if each.about.get("costs")}
    if len(devices) > 1:
        told.append(f"Seconds a picture were measured on different devices: {', '.join(sorted(devices))}.")
    return told


def config_differences(groups: Groups) -> dict[str, dict[str, Any]]:
    """What differs between the trainings of the groups, by dotted key and group; None: it has no such key."""
    known = {name: members[0].settings for name, members in groups.items()}
    settings = {name: each for name, each in known.items() if each is not None}
    return {
        key: dict(zip(settings, values, strict=True))
        for key, values in differing(list(settings.values())).items()
        if key != "seed"
    }


def _chance(groups: Groups) -> list[str]:
    evaluation = _all(groups)[0].evaluation
    seeds = (
        "and nothing of other seeds, whose standard deviation stands beside the means"
        if all(len(members) > 1 for members in groups.values())
        else "and nothing of other seeds: to tell a model from luck, train each with several"
    )
    told = [
        f"Intervals (95 %) and confidence come from {NUM_RESAMPLES:,} paired bootstrap resamples of the "
        f"pictures: they tell of other pictures like these, {seeds}.",
        "Frames of one video resemble each other; intervals are then narrower than they should be.",
        "A star marks an interval without 0. Where nothing differs about one class in twenty still gets one "
        f"by chance; there are {evaluation.labels.num_classes}.",
    ]
    if evaluation.num_pictures < FEW:
        told.append(
            f"{evaluation.num_pictures} pictures are few: intervals then hold less than the 95 % they say."
        )
    few = [
        name
        for name, known in zip(evaluation.labels.classes, enough(occurrences(evaluation, "iou")), strict=True)
        if not known
    ]
    if few:
        told.append(f"In fewer than {MIN_PICTURES} pictures, too few for an interval: {', '.join(few)}.")
    return told


def _seeds(groups: Groups) -> list[str]:
    """What differences are over, where groups hold different seeds."""
    (first, baseline), *others = groups.items()
    told = []
    for name, members in others:
        ours, theirs = ({each.seed for each in several} - {None} for several in (baseline, members))
        common = ours & theirs
        if not ours or not theirs or ours == theirs:
            continue
        if common:
            listed = ", ".join(sorted(map(str, common)))
            told.append(f"{name} less {first} is over the seeds that both have: {listed}.")
        else:
            told.append(f"{name} and {first} have no seed in common: what they differ by is also the seeds'.")
    return told


def _oddities(name: str, members: Sequence[Scored]) -> list[str]:
    seeds = [each.seed for each in members]
    steps = sorted({each.about["step"] for each in members if "step" in each.about})
    told = []
    if len(set(seeds)) < len(seeds):
        repeated = next(seed for seed in seeds if seeds.count(seed) > 1)
        same = [str(each.named) for each in members if each.seed == repeated]
        told.append(
            f"{name}: {' and '.join(same)} have the same seed, {repeated}; their spread is not that of seeds."
        )
    if len(steps) > 1:
        told.append(f"{name}: its runs were evaluated after {', '.join(map(str, steps))} steps.")
    return told


def _all(groups: Mapping[str, Sequence[Scored]]) -> list[Scored]:
    return [each for members in groups.values() for each in members]
