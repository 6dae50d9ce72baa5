"""The numbers of a comparison: means over seeds, differences of the means, and how sure these are."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from atrous.comparison.scored import Groups, Scored, over_common_seeds
from atrous.metrics.bootstrap import interval
from atrous.metrics.confusion import Values
from atrous.metrics.evaluation import Evaluation
from atrous.metrics.paired import confidence, enough
from atrous.report.tables import plain

Scores = dict[str, Any]


class Statistics(NamedTuple):
    """Every score of a group, by name.

    mean: over its members.  std: their sample standard deviation (n - 1); nan for one.
    resampled: the mean in each resample, (R, ...).
    A score that one of the members lacks, as the precision of a class it never predicts, is nan.
    """

    mean: Mapping[str, Values]
    std: Mapping[str, Values]
    resampled: Mapping[str, Values]


def statistics(members: Sequence[Evaluation], shared: Sequence[str]) -> Statistics:
    """Those of the scores that are ``shared``."""
    scores = [each.scores() for each in members]
    resampled = [each.bootstrap() for each in members]
    alone = len(members) == 1
    return Statistics(
        {name: _stacked(scores, name).mean(0) for name in shared},
        {
            name: scores[0][name] * np.nan if alone else _stacked(scores, name).std(0, ddof=1)
            for name in shared
        },
        {name: _stacked(resampled, name).mean(0) for name in shared},
    )


def difference(evaluation: Evaluation, baseline: Statistics, other: Statistics) -> dict[str, Scores]:
    """How far ``other`` is above the baseline: plain data, shaped as scores.json.

    value: the difference of the means.  intervals: the 95 % paired bootstrap interval.
    confidence: as metrics.paired.  The latter two are None for a class of too few pictures to tell.
    evaluation: of the same pictures.
    """
    found: dict[str, Scores] = {"value": {}, "intervals": {}, "confidence": {}}
    for name, values in other.resampled.items():
        moved = values - baseline.resampled[name]
        told = enough(occurrences(evaluation, name))
        columns = evaluation.columns().get(name)
        ends = np.moveaxis(interval(moved), 0, -1)
        found["value"][name] = plain(other.mean[name] - baseline.mean[name], columns)
        found["intervals"][name] = plain(np.where(told[..., None], ends, np.nan), columns)
        found["confidence"][name] = plain(np.where(told, confidence(moved), np.nan), columns)
    return found


def occurrences(evaluation: Evaluation, score: str) -> NDArray[np.int64]:
    """In the truth of how many pictures each entry of a score occurs: int64, shaped as the score."""
    columns = evaluation.columns().get(score)
    if columns is None:
        return np.array(evaluation.num_pictures)
    there = np.concatenate([part[:, :-1].sum(2) > 0 for part in evaluation.matrices()])
    labels = evaluation.labels
    members = labels.categories if "category" in score else {n: (i,) for i, n in enumerate(labels.classes)}
    return np.array([there[:, list(members[name])].any(1).sum() for name in columns], np.int64)


def compared(groups: Groups, shared: Sequence[str]) -> dict[str, Any]:
    """The groups' scores, and the differences of all from the first over the seeds in common: plain data."""
    results = {name: _of(members, shared) for name, members in groups.items()}
    first = next(iter(groups.values()))[0].evaluation
    baseline, *others = groups
    differences = {}
    for other in others:
        ours, theirs = over_common_seeds(groups[baseline], groups[other])
        differences[other] = difference(
            first,
            results[baseline] if len(ours) == len(groups[baseline]) else _of(ours, shared),
            results[other] if len(theirs) == len(groups[other]) else _of(theirs, shared),
        )
    return {
        "groups": {name: _described(members, results[name]) for name, members in groups.items()},
        "differences": differences,
    }


def _of(members: Sequence[Scored], shared: Sequence[str]) -> Statistics:
    return statistics([each.evaluation for each in members], shared)


def _described(members: Sequence[Scored], found: Statistics) -> dict[str, Any]:
    columns = members[0].evaluation.columns()

    def all_plain(values: Mapping[str, Values]) -> Scores:
        return {name: plain(value, columns.get(name)) for name, value in values.items()}

    ends = {name: np.moveaxis(interval(values), 0, -1) for name, values in found.resampled.items()}
    return {
        "runs": [str(each.named) for each in members],
        "evaluations": [str(each.folder) for each in members],
        "seeds": [each.seed for each in members],
        "mious": [plain(each.evaluation.scores()["miou"], None) for each in members],
        "mean": all_plain(found.mean),
        "std": all_plain(found.std) if len(members) > 1 else None,
        "intervals": all_plain(ends),
        "costs": mean_costs([each.about.get("costs") or {} for each in members]),
    }


def mean_costs(costs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The costs of a group as scores.json has them: times are means; what is not known of all is None."""

    def one(name: str) -> Any:
        return costs[0].get(name)

    def mean(name: str) -> float | None:
        known = [each[name] for each in costs if each.get(name) is not None]
        return float(np.mean(known)) if len(known) == len(costs) else None

    devices = list(dict.fromkeys(str(each["device"]) for each in costs if each.get("device")))
    return {
        "num_parameters": one("num_parameters"),
        "gmac": one("gmac"),
        "size": one("size"),
        "seconds_per_picture": mean("seconds_per_picture"),
        "device": ", ".join(devices) or None,
        "training_seconds": mean("training_seconds"),
    }


def _stacked(several: Sequence[Mapping[str, Values]], name: str) -> Values:
    return np.stack([each[name] for each in several])
