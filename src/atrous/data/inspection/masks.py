"""Label files that hold other values than the label set lists, and what to write in the config for them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from atrous.data.inspection.finding import Finding, Plan, Scanned, more, some
from atrous.data.inspection.look import Record, Value
from atrous.labels import LabelSet

MOST_COLORS = 20  # that a remedy spells out
LEAST_SHARE = 0.05  # of 255 in a file of 0 and 255: a thin border is none of a mask
NATIVE = (
    "the label files of this data set are expected in their native form: take the original files, or "
    "describe your own with data=folder"
)


def mask_findings(scanned: Scanned, plan: Plan) -> list[Finding]:
    """Masks in black and white or in colours where an index is expected, and values without a meaning."""
    labelled = [record for record in scanned.records if record.seen is not None]
    binary = [record for record in labelled if _is_binary(record, scanned.labels)]
    told = {id(record) for record in binary}
    colored = _with(labelled, "color_mask", told)
    told |= {id(record) for record in colored}
    unknown = _with(labelled, "unknown_value", told)
    return [
        *_binary(binary, len(labelled), scanned.labels, plan),
        *_colored(colored, len(labelled), scanned.labels, plan),
        *_unknown(unknown, plan),
    ]


def _with(records: Sequence[Record], kind: str, told: set[int]) -> list[Record]:
    return [
        record
        for record in records
        if id(record) not in told and any(problem.kind == kind for problem in record.problems)
    ]


def _is_binary(record: Record, labels: LabelSet) -> bool:
    """Black and white where an index is expected: 255 names no class; smoothed edges name none either."""
    assert record.seen is not None
    values = record.seen.values or {}
    index = all(len(value) == 1 for value in values)
    asked_for_index = index or any(problem.kind == "color_mask" for problem in record.problems)
    if not asked_for_index or record.seen.meanings.get((255,), labels.ignore_index) != labels.ignore_index:
        return False
    total = sum(values.values())
    greys = Counter[int]()
    for value, pixels in values.items():
        if len(set(value)) > 1:
            return False
        greys[value[0]] += pixels
    ends = greys[0] + greys[255] >= 0.8 * total and greys[0] > 0
    smooth_or_two = set(greys) <= {0, 255} or (len(greys) > 16 and bool(record.problems))
    return ends and smooth_or_two and greys[255] >= LEAST_SHARE * total


def _binary(found: list[Record], num_labelled: int, labels: LabelSet, plan: Plan) -> list[Finding]:
    if not found:
        return []
    wrong = any(record.problems for record in found) or 2 * len(found) >= num_labelled
    if not plan.own_labels:
        remedy = NATIVE
    elif labels.num_classes == 2:
        remedy = "write data/label_format=threshold"
    else:
        remedy = (
            f"two values cannot name the {labels.num_classes} classes of '{labels.name}'; for a background "
            "and an object write two data.layout.label_set.classes and data/label_format=threshold"
        )
    return [
        Finding(
            "error" if wrong else "warning",
            "binary_mask",
            f"{_path(found[0])}: a mask in black and white (0 and 255) where the index of a class is expected"
            f"{more(found)}; 255 would be "
            + ("ignored" if 255 in labels.raw_ids else "refused")
            + ", not the object",
            remedy,
            tuple(str(_path(record)) for record in found),
        )
    ]


def _colored(found: list[Record], num_labelled: int, labels: LabelSet, plan: Plan) -> list[Finding]:
    if not found:
        return []
    if 2 * len(found) < num_labelled:
        remedy = "most label files hold an index: save these so too, or take them out"
    else:
        remedy = _colors_remedy(found, labels) if plan.own_labels else NATIVE
    return [
        Finding(
            "error",
            "color_mask",
            f"{_path(found[0])}: labels in colours where the index of a class is expected{more(found)}",
            remedy,
            tuple(problem.sentence for record in found for problem in record.problems),
        )
    ]


def _colors_remedy(found: list[Record], labels: LabelSet) -> str:
    colors: Counter[Value] = Counter()
    for record in found:
        assert record.seen is not None
        colors.update(record.seen.values or {})
    if not colors:
        return "they hold more than 1024 colours: save them without compression losses, in a colour a class"
    named: dict[Value, str] = dict(zip(labels.colors, labels.classes, strict=True))
    if all(color in named for color in colors):
        return "write data/label_format=colors: they are the label set's own"
    listed = [f"{named.get(color, 'CLASS')}: {list(color)}" for color, _ in colors.most_common(MOST_COLORS)]
    more = f" ({len(colors) - MOST_COLORS} more were found)" if len(colors) > MOST_COLORS else ""
    return (
        f"write data/label_format=colors 'data.label_format.colors={{{', '.join(listed)}}}'{more}, with the "
        f"name of its class ({some(labels.classes)}) before each colour, most frequent first here; colours "
        "without a class go to data.label_format.ignore"
    )


def _unknown(found: list[Record], plan: Plan) -> list[Finding]:
    if not found:
        return []
    sentences = [
        problem.sentence for record in found for problem in record.problems if problem.kind == "unknown_value"
    ]
    pixels: Counter[Value] = Counter()
    for record in found:
        assert record.seen is not None
        meanings = record.seen.meanings
        for value, count in (record.seen.values or {}).items():
            if value not in meanings:
                pixels[value] += count
    words = [
        f"{value[0] if len(value) == 1 else list(value)} ({count} pixels)"
        for value, count in pixels.most_common()
    ]
    remedy = NATIVE
    if plan.own_labels:
        remedy = (
            "correct the files, or say what the values mean: list them under ignore or, for every class, "
            "under raw_ids of data.layout.label_set; colours under colors or ignore of data.label_format"
        )
    return [
        Finding(
            "error",
            "unknown_value",
            sentences[0] + more(found) + (f"; unknown in all: {some(words)}" if words else ""),
            remedy,
            tuple(sentences),
        )
    ]


def _path(record: Record) -> Path:
    assert record.pair.label is not None
    return record.pair.label
