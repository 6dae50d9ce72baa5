"""An evaluation as it lies on disk, and several of one config as a group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atrous.metrics.evaluation import Evaluation
from atrous.settings import Settings, names, short_paths


@dataclass(frozen=True)
class Scored:
    """An evaluation and where it came from.

    named: the path that a person knows it by, its run's folder or its own.  folder: that holds its files.
    about: scores.json.
    settings: what matters of its training's config; None: not known.
    config: config.yaml, plain data with its interpolations; empty: there is none.
    """

    named: Path
    folder: Path
    evaluation: Evaluation
    about: Mapping[str, Any]
    settings: Settings | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seed(self) -> int | None:
        """That of its training; None: not known."""
        return None if self.settings is None else self.settings.get("seed")


Groups = Mapping[str, Sequence[Scored]]


def group(several: Sequence[Scored], seeds: bool = True) -> dict[str, list[Scored]]:
    """The evaluations by a short name of what they are.

    seeds: those whose settings differ in nothing but the seed are together; else each is alone.
    """
    told = [
        each.settings and {key: value for key, value in each.settings.items() if key != "seed" or not seeds}
        for each in several
    ]
    members: dict[str, list[int]] = {}
    for index, own in enumerate(told):
        key = repr(sorted(own.items())) if own and seeds else str(index)
        members.setdefault(key, []).append(index)
    short = short_paths([each.named for each in several])
    otherwise = [
        f"{short[first]} and {len(rest)} more" if rest else short[first] for first, *rest in members.values()
    ]
    found = names([told[first] for first, *_ in members.values()], otherwise)
    return {
        name: [several[index] for index in each] for name, each in zip(found, members.values(), strict=True)
    }


def over_common_seeds(
    baseline: Sequence[Scored], other: Sequence[Scored]
) -> tuple[Sequence[Scored], Sequence[Scored]]:
    """Those members whose seeds both groups have: so their difference is not the seeds'.

    All of both, where they have none in common.
    """
    common = {each.seed for each in baseline} & {each.seed for each in other} - {None}
    if not common:
        return baseline, other
    ours, theirs = ([each for each in members if each.seed in common] for members in (baseline, other))
    return ours, theirs
