"""Which evaluations may be compared, and which of their scores."""

from collections.abc import Sequence

import numpy as np

from atrous.comparison.scored import Scored
from atrous.metrics.evaluation import Evaluation


def require_comparable(several: Sequence[Scored]) -> None:
    """Raises ValueError: other classes, other pictures or another truth than the first's."""
    first, *others = several
    for other in others:
        ours, theirs = first.evaluation, other.evaluation
        both = f"{other.folder} cannot be compared with {first.folder}: "
        splits = [each.about.get("split") for each in (other, first)]
        if None not in splits and splits[0] != splits[1]:
            both += f"split '{splits[0]}' against split '{splits[1]}': "
        if ours.labels.classes != theirs.labels.classes:
            raise ValueError(both + _other_classes(ours, theirs))
        if ours.names != theirs.names:
            raise ValueError(both + _other_pictures(ours, theirs))
        if ours.fingerprints()["truth"] != theirs.fingerprints()["truth"]:
            raise ValueError(both + _other_truth(ours, theirs))


def shared_scores(several: Sequence[Evaluation]) -> tuple[list[str], list[str]]:
    """The names of the scores that all have and mean alike, and what is to be said of others."""
    first = several[0]
    scores = [set(each.scores()) for each in several]
    shared = set.intersection(*scores)
    alike = {name for name in shared if len({each.columns().get(name) for each in several}) == 1}
    widths = sorted({each.boundary_width for each in several})
    if len(widths) > 1:
        alike -= {"boundary_iou", "mean_boundary_iou"}
    left_out = sorted(set.union(*scores) - alike)
    notes = []
    if len(widths) > 1:
        words = " and ".join(f"{width:g}" for width in widths)
        notes.append(f"Boundary IoU was taken with boundary_width {words}, and is not compared.")
    missing = [name for name in left_out if "boundary" not in name]
    if missing:
        notes.append(f"Not in all of the evaluations, and left out: {', '.join(missing)}.")
    return [name for name in first.scores() if name in alike], notes


def _other_classes(ours: Evaluation, theirs: Evaluation) -> str:
    return (
        f"it has label set '{theirs.labels.name}' of {theirs.labels.num_classes} classes, not "
        f"'{ours.labels.name}' of {ours.labels.num_classes}"
        f"{_example(ours.labels.classes, theirs.labels.classes)}; compare scores of the same classes"
    )


def _other_pictures(ours: Evaluation, theirs: Evaluation) -> str:
    only_ours, only_theirs = set(ours.names) - set(theirs.names), set(theirs.names) - set(ours.names)
    return (
        f"{len(only_theirs)} of its {theirs.num_pictures} pictures are not among the other's, and "
        f"{len(only_ours)} of the other's {ours.num_pictures} not among its own"
        f"{_example(ours.names, theirs.names)}; evaluate both on the same split, whole"
    )


def _example(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """What they have that we lack, or we have that they lack."""
    for here, there, words in ((theirs, ours, "it alone has"), (ours, theirs, "it lacks")):
        alone = [name for name in here if name not in set(there)]
        if alone:
            return f" ({words} '{alone[0]}')"
    return " (in another order)"


def _other_truth(ours: Evaluation, theirs: Evaluation) -> str:
    sizes = np.flatnonzero((ours.sizes != theirs.sizes).any(1))
    if sizes.size:
        (height, width), (other_height, other_width) = ours.sizes[sizes[0]], theirs.sizes[sizes[0]]
        return (
            f"the labels of {sizes.size} pictures have another size ('{ours.names[sizes[0]]}': "
            f"{other_width}x{other_height}, not {width}x{height}); score both at the same labels' size"
        )
    truths = [np.concatenate([part.sum(2) for part in each.matrices()]) for each in (ours, theirs)]
    others = np.flatnonzero((truths[0] != truths[1]).any(1))
    return (
        f"the labels of {others.size} pictures are others (in '{ours.names[others[0]]}' other pixels are of "
        "a class, or ignored); score both against the same label files"
    )
