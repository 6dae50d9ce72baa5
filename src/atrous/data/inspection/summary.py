"""What was seen, as plain data: inspection.json (docs/inspect.md names its entries)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from atrous.class_weights import effective_number, inverse_log, median_frequency
from atrous.data.inspection.finding import Finding, Scanned
from atrous.data.inspection.look import Value
from atrous.labels import LabelSet

FORMULAS = {each.__name__: each for each in (median_frequency, inverse_log, effective_number)}


def summary(scanned: Scanned, found: Sequence[Finding]) -> dict[str, Any]:
    """Plain data, ready for JSON."""
    return {
        "label_set": scanned.labels.name,
        "complete": scanned.complete,
        "num_read": len(scanned.records),
        "num_errors": sum(each.severity == "error" for each in found),
        "num_warnings": sum(each.severity == "warning" for each in found),
        "findings": [asdict(each) for each in found],
        "splits": {listing.split: _split(scanned, listing.split) for listing in scanned.listings},
        "class_weights": _weights(scanned),
        "label_values": _values(scanned),
        "near_duplicates": [_near(scanned, index) for index in range(len(scanned.near))],
    }


def _split(scanned: Scanned, split: str) -> dict[str, Any]:
    listing = next(each for each in scanned.listings if each.split == split)
    records = scanned.of(split)
    counts = scanned.counts(split)
    sizes = Counter(f"{record.size[0]}x{record.size[1]}" for record in records if record.size)
    names = (*scanned.labels.classes, "ignored")
    return {
        "stages": list(listing.stages),
        "num_pairs": len(listing.pairs),
        "num_read": len(records),
        "num_sound": sum(record.sound for record in records),
        "num_without_label": len(listing.without_label),
        "num_without_image": len(listing.without_image),
        "sizes": dict(sizes.most_common()),
        "label_modes": dict(Counter(record.seen.mode for record in records if record.seen)),
        "pixels": dict(zip(names, counts.sum(0).tolist(), strict=True)),
        "pictures": dict(zip(names, (counts > 0).sum(0).tolist(), strict=True)),
    }


def _weights(scanned: Scanned) -> dict[str, dict[str, float]]:
    counts = scanned.counted.get(scanned.train)
    if counts is None:
        return {}
    counts = counts[counts.any(1)]
    return {
        name: {
            label: float(f"{weight:.4g}")
            for label, weight in zip(scanned.labels.classes, formula(counts), strict=True)
        }
        for name, formula in FORMULAS.items()
    }


def _values(scanned: Scanned) -> list[dict[str, Any]]:
    pixels: Counter[Value] = Counter()
    files: Counter[Value] = Counter()
    meanings: dict[Value, int] = {}
    examples: dict[Value, str] = {}
    for record in scanned.records:
        if record.seen is not None:
            meanings |= record.seen.meanings
            for value, count in (record.seen.values or {}).items():
                pixels[value] += count
                files[value] += 1
                examples.setdefault(value, str(record.pair.label))
    return [
        {
            "value": value[0] if len(value) == 1 else list(value),
            "class": _meaning(meanings.get(value), scanned.labels),
            "pixels": pixels[value],
            "files": files[value],
            "example": examples[value],
        }
        for value in sorted(pixels)
    ]


def _meaning(index: int | None, labels: LabelSet) -> str | None:
    """The class's name, "ignored", or None: the value has no meaning."""
    if index is None:
        return None
    return "ignored" if index == labels.ignore_index else labels.classes[index]


def _near(scanned: Scanned, index: int) -> dict[str, Any]:
    near = scanned.near[index]
    first, second = scanned.records[near.first], scanned.records[near.second]
    return {
        "split": first.split,
        "image": str(first.pair.image),
        "other_split": second.split,
        "other_image": str(second.pair.image),
        "places": near.places,
        "distance": round(near.distance, 4),
    }
