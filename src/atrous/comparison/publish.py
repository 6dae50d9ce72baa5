"""What a comparison leaves in its folder: comparison.json and comparison.html; its tables are printed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from atrous.comparison.disagreements import FindPairs, differ_most
from atrous.comparison.notes import config_differences, notes
from atrous.comparison.refusals import shared_scores
from atrous.comparison.scored import Groups, Scored
from atrous.comparison.statistics import compared, occurrences
from atrous.metrics.bootstrap import LEVEL, NUM_RESAMPLES
from atrous.metrics.confusion import Values
from atrous.report.comparison_page import Against, plots, write_comparison
from atrous.report.comparison_tables import print_comparison

FORMAT = 1
JSON, PAGE = "comparison.json", "comparison.html"


def comparison(groups: Groups, before: Sequence[str] = ()) -> dict[str, Any]:
    """What stands in comparison.json (docs/compare.md lists its entries).

    groups: of comparable evaluations, the baseline first.
    before: what is to be said of how they were found.
    """
    every = [each for members in groups.values() for each in members]
    shared, left_out = shared_scores([each.evaluation for each in every])
    evaluation = every[0].evaluation
    pictures = occurrences(evaluation, "iou").tolist()
    return {
        "format": FORMAT,
        "label_set": evaluation.labels.name,
        "split": every[0].about.get("split"),
        "num_pictures": evaluation.num_pictures,
        "fingerprints": evaluation.fingerprints(),
        "num_resamples": NUM_RESAMPLES,
        "level": LEVEL,
        "baseline": next(iter(groups)),
        **compared(groups, shared),
        "pictures_with_class": dict(zip(evaluation.labels.classes, pictures, strict=True)),
        "config_differences": config_differences(groups),
        "notes": [*before, *left_out, *notes(groups)],
    }


def publish(
    output: Path, data: Mapping[str, Any], groups: Groups, find: FindPairs, num_pictures: int
) -> None:
    """Write everything, and print the tables.

    data: of ``comparison``.
    find: config.yaml of an evaluation -> the layout and pictures that it was scored on.  What is wrong with
        them leaves the page without pictures.
    num_pictures: on the page, of all groups together.
    Raises ValueError: it is no number.
    """
    if not isinstance(num_pictures, int) or num_pictures < 0:
        raise ValueError(f"pictures={num_pictures}: expected a number, 0 or more")
    output.mkdir(parents=True, exist_ok=True)
    (output / JSON).write_text(json.dumps(data, indent=2) + "\n")
    print_comparison(data)
    baseline, *others = groups
    most = max(1, num_pictures // max(1, len(others))) if num_pictures else 0
    against, reasons = [], []
    for other in others:
        sides = groups[baseline], groups[other]
        try:
            cards = differ_most(*sides, find, most)
        except (ValueError, OSError, HydraException, OmegaConfBaseException) as error:
            reasons.append(str(error).splitlines()[0].rstrip(":;."))
            cards = []
        mious = _mean_miou(sides[0]), _mean_miou(sides[1])
        against.append(Against(other, plots(data, other, mious), cards))
    labels = groups[baseline][0].evaluation.labels
    write_comparison(output / PAGE, data, labels, against, reasons[0] if reasons else None)
    print(f"written to {output}")


def _mean_miou(members: Sequence[Scored]) -> Values:
    """Of each picture, float64 (P,)."""
    return np.asarray(np.mean([each.evaluation.picture_miou for each in members], axis=0))
