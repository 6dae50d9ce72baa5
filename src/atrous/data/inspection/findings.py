"""All findings of a data set: pure functions of what was seen."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from atrous.data.inspection.finding import SEVERITIES, Finding, Plan, Scanned, plural, some
from atrous.data.inspection.listing import Listing
from atrous.data.inspection.masks import mask_findings
from atrous.data.inspection.mirrors import mirror_findings

MOSTLY = 0.5  # of the pixels ignored: a person should know


def findings(scanned: Scanned, plan: Plan) -> list[Finding]:
    """What there is to say, errors first."""
    found = [
        *_listed(scanned.listings),
        *_files(scanned),
        *mask_findings(scanned, plan),
        *_copies(scanned),
        *_near(scanned),
        *_classes(scanned),
        *(mirror_findings(scanned.labels, scanned.counted.get(scanned.train)) if plan.flips else ()),
        *_sizes(scanned, plan),
        *_ignored(scanned),
    ]
    if not scanned.complete:
        found.append(_partial(scanned))
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def _listed(listings: Sequence[Listing]) -> list[Finding]:
    found = []
    for listing in listings:
        severity = "error" if listing.needed else "note"
        name = f"split '{listing.split}'"
        if listing.error is not None:
            found.append(Finding(severity, "listing", f"{name}: {listing.error}", "see what it says"))
        elif not listing.pairs and not listing.without_label and not listing.without_image:
            found.append(
                Finding(
                    severity,
                    "empty_split",
                    f"{name} is empty",
                    f"put pictures there, or choose another split: data.splits.{listing.stages[0]}=NAME",
                )
            )
        bare = [str(pair.image) for pair in listing.pairs if pair.label is None]
        if bare and len(bare) == len(listing.pairs):
            found.append(
                Finding(
                    severity,
                    "no_labels",
                    f"{name} has no labels: it can be predicted, not trained on or scored",
                    f"choose another split: data.splits.{listing.stages[0]}=NAME",
                )
            )
        elif bare:
            found.append(_unpartnered("picture without label", bare))
    for kind, attribute in (
        ("picture without label", "without_label"),
        ("label without picture", "without_image"),
    ):
        paths = dict.fromkeys(str(path) for listing in listings for path in getattr(listing, attribute))
        if paths:
            found.append(_unpartnered(kind, list(paths)))
    return found


def _unpartnered(kind: str, paths: list[str]) -> Finding:
    return Finding(
        "error",
        kind.replace(" ", "_"),
        f"{paths[0]}: {kind}{_more(paths)}",
        "add its partner, or take the file out of the folder",
        tuple(paths),
    )


def _files(scanned: Scanned) -> list[Finding]:
    remedies = {
        "unreadable": "replace the file, from where you got it",
        "size_mismatch": "see whether the labels belong to another picture, were resized, or the picture is "
        "turned by its EXIF orientation, which is not applied",
    }
    found = []
    for kind, remedy in remedies.items():
        said = [
            problem.sentence
            for record in scanned.records
            for problem in record.problems
            if problem.kind == kind
        ]
        if said:
            found.append(Finding("error", kind, said[0] + _more(said), remedy, tuple(said)))
    return found


def _copies(scanned: Scanned) -> list[Finding]:
    same = defaultdict(list)
    for record in scanned.records:
        if record.digest is not None:
            same[record.digest].append(record)
    across, within = [], []
    for records in same.values():
        listed = dict.fromkeys((record.split, str(record.pair.image)) for record in records)
        if len(listed) > 1:
            text = " = ".join(path for _, path in listed)
            (across if len({split for split, _ in listed}) > 1 else within).append(text)
    found = []
    if across:
        found.append(
            Finding(
                "error",
                "same_picture",
                f"{across[0]}: the same picture in two splits{_more(across)}; a score on it is learnt by heart",
                "take it out of one of the two splits",
                tuple(across),
            )
        )
    if within:
        found.append(
            Finding(
                "note",
                "copy",
                f"{within[0]}: the same picture twice in one split{_more(within)}",
                "keep one of them, unless it is to count twice",
                tuple(within),
            )
        )
    return found


def _near(scanned: Scanned) -> list[Finding]:
    pairs = defaultdict(list)
    for near in scanned.near:
        first, second = scanned.records[near.first], scanned.records[near.second]
        pairs[first.split, second.split].append((first, second))
    found = []
    for (split, other), alike in pairs.items():
        first, second = alike[0]
        found.append(
            Finding(
                "warning",
                "near_duplicate",
                f"{len(alike)} of {len(scanned.of(split))} pictures of '{split}' show what a picture of "
                f"'{other}' shows, such as {first.pair.image} and {second.pair.image}: near-duplicates "
                "flatter a score",
                f"divide the data by scene (video, place) instead of by picture, or take these out; until then "
                f"'{split}' says little of new scenes: do not select by it",
                tuple(f"{a.pair.image} ~ {b.pair.image}" for a, b in alike),
            )
        )
    return found


def _classes(scanned: Scanned) -> list[Finding]:
    found = []
    for listing in scanned.listings:
        counts = scanned.counted.get(listing.split)
        if counts is None:
            if any(record.seen is not None and not record.problems for record in scanned.of(listing.split)):
                found.append(
                    Finding(
                        "error" if listing.needed else "warning",
                        "no_labels",
                        f"split '{listing.split}': no pixel has a class of label set '{scanned.labels.name}', "
                        "all are ignored",
                        "check data.root, the label set and its raw ids",
                    )
                )
            continue
        totals = counts[:, :-1].sum(0)
        absent = [name for name, total in zip(scanned.labels.classes, totals, strict=True) if not total]
        if absent:
            learnt = "it cannot be learnt" if listing.split == scanned.train else "it has no score there"
            found.append(
                Finding(
                    "warning",
                    "absent_class",
                    f"split '{listing.split}' has no pixel of {some(absent)}: {learnt}",
                    "add pictures that show it, or divide the data anew",
                    tuple(absent),
                )
            )
    return found


def _sizes(scanned: Scanned, plan: Plan) -> list[Finding]:
    found = []
    for listing in scanned.listings:
        records = [record for record in scanned.of(listing.split) if record.size is not None]
        sizes = Counter(f"{record.size[0]}x{record.size[1]}" for record in records if record.size)
        trains, scores = "train" in listing.stages, set(listing.stages) - {"train"}
        batch = plan.eval_batch_size if scores else plan.batch_size if plan.crop_size is None else 1
        if len(sizes) > 1 and batch > 1:
            found.append(
                Finding(
                    "error",
                    "mixed_sizes",
                    f"split '{listing.split}' has pictures of {plural(len(sizes), 'size')} "
                    f"({some([size for size, _ in sizes.most_common()], 4)}), which do not fit batches of {batch}",
                    "write data.eval_batch_size=1" if scores else "choose an augment, which crops",
                )
            )
        if trains and plan.crop_size is not None:
            height, width = plan.crop_size
            small = [
                str(record.pair.image)
                for record in records
                if record.size and (record.size[0] < width or record.size[1] < height)
            ]
            if small:
                found.append(
                    Finding(
                        "warning",
                        "small",
                        f"{small[0]}: smaller than data.crop_size={list(plan.crop_size)} (height, width)"
                        f"{_more(small)}; what is missing of a crop is padded and ignored",
                        "lower data.crop_size, if they are many",
                        tuple(small),
                    )
                )
        if trains and 0 < len(listing.pairs) < plan.batch_size:
            found.append(
                Finding(
                    "error",
                    "few_pictures",
                    f"split '{listing.split}' has {plural(len(listing.pairs), 'picture')}, too few for a batch of "
                    f"data.batch_size={plan.batch_size}",
                    f"write data.batch_size={len(listing.pairs)} or less",
                )
            )
    return found


def _ignored(scanned: Scanned) -> list[Finding]:
    found = []
    for split, counts in scanned.counted.items():
        share = counts[:, -1].sum() / counts.sum()
        if share > MOSTLY:
            found.append(
                Finding(
                    "warning",
                    "ignored",
                    f"split '{split}': {100 * share:.0f} % of the labels' pixels are ignored",
                    "check the label set's ignore values",
                )
            )
        records = [record for record in scanned.of(split) if record.seen is not None and not record.problems]
        empty = [
            str(record.pair.label)
            for record in records
            if record.seen is not None and not np.any(record.seen.counts[:-1])
        ]
        if empty:
            found.append(
                Finding(
                    "warning",
                    "ignored",
                    f"{empty[0]}: every pixel is ignored{_more(empty)}; nothing is learnt from it",
                    "label it, or leave the picture out",
                    tuple(empty),
                )
            )
    return found


def _partial(scanned: Scanned) -> Finding:
    total = sum(len(listing.pairs) for listing in scanned.listings)
    return Finding(
        "warning",
        "partial",
        f"interrupted: {len(scanned.records)} of {total} pictures were read, and the rest may hold more",
        "run inspect again, to the end",
    )


def _more(listed: Sequence[str]) -> str:
    return f" (and {len(listed) - 1} more)" if len(listed) > 1 else ""
