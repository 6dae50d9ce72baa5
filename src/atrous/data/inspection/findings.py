"""All findings of a data set: pure functions of what was seen."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from atrous.data.inspection.contents import content_findings
from atrous.data.inspection.finding import SEVERITIES, Finding, Plan, Scanned, Severity, more
from atrous.data.inspection.listing import Listing
from atrous.data.inspection.look import Record
from atrous.data.inspection.masks import mask_findings
from atrous.data.inspection.mirrors import mirror_findings

FILES = {
    "unreadable": "replace the file, from where you got it",
    "turned": "see which way its labels fit it: save it turned, or take the tag out",
    "lossy_labels": "make the labels anew from their source, as PNG",
    "size_mismatch": "see whether the labels belong to another picture or were resized",
}

PARTNERS = ("picture without label", "label without picture", "listing")
ALONE = (
    "add its partner, or take the file out of the folder or the list; where it is so of most, the config "
    "names other folders, endings or paths than theirs"
)
NOWHERE = "add the files, correct the list, or say what its paths are relative to"


def findings(scanned: Scanned, plan: Plan) -> list[Finding]:
    """What there is to say, errors first."""
    train = scanned.counted.get(scanned.train)
    found = [
        *_split_findings(scanned.listings),
        *_partner_findings(scanned.listings),
        *_of_files(scanned.part(needed=True), plan),
        *(_lowered(each) for each in _of_files(scanned.part(needed=False), plan)),
        *_same_findings(scanned),
        *_near_findings(scanned),
        *content_findings(scanned, plan),
        *(mirror_findings(scanned.labels, train, plan.own_labels) if plan.flips else ()),
    ]
    if not scanned.complete:
        found.append(_partial(scanned))
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def _split_findings(listings: Sequence[Listing]) -> Iterator[Finding]:
    """Splits that cannot be listed, are empty or have no labels; a test split need not be there."""
    for listing in listings:
        severity: Severity = "error" if listing.needed else "note"
        another = f"or choose another split: data.splits.{listing.stages[0]}=NAME"
        if listing.error is not None:
            sentence, _, tree = listing.error.partition("; the tree must look like this:\n\n")
            remedy = (
                f"mend the tree, {another}; how it must look is in inspection.html\n\n{tree}"
                if tree
                else f"mend it, {another}"
            )
            yield Finding(severity, "listing", f"split '{listing.split}': {sentence}", remedy)
        elif not (listing.pairs or listing.without_label or listing.without_image or listing.missing):
            yield Finding(
                severity, "empty_split", f"split '{listing.split}' is empty", f"put pictures there, {another}"
            )
        elif listing.pairs and all(pair.label is None for pair in listing.pairs):
            yield Finding(
                severity,
                "no_labels",
                f"split '{listing.split}' has no labels: it can be predicted, not trained on or scored",
                f"add labels, {another}",
            )


def _of_files(scanned: Scanned, plan: Plan) -> list[Finding]:
    """What is wrong with files, one by one."""
    return [
        *_file_findings(scanned),
        *mask_findings(scanned, plan),
    ]


def _lowered(finding: Finding) -> Finding:
    """Of files that no training reads: it would not stop for them."""
    return replace(finding, severity="warning") if finding.severity == "error" else finding


def _partner_findings(listings: Sequence[Listing]) -> Iterator[Finding]:
    """Files without a partner, and those that a list names in vain, each told once."""
    told: set[str] = set()
    for needed in (True, False):
        for kind, said in _without_partner([each for each in listings if each.needed == needed]).items():
            fresh = tuple(one for one in said if one not in told)
            told.update(fresh)
            if fresh:
                nowhere = kind == "listing"
                yield Finding(
                    "error" if needed else "warning",
                    kind.replace(" ", "_"),
                    fresh[0] + ("" if nowhere else f": {kind}") + more(fresh),
                    NOWHERE if nowhere else ALONE,
                    fresh,
                )


def _without_partner(listings: Sequence[Listing]) -> dict[str, dict[str, None]]:
    """By kind: the files, or the sentences about lines whose files are nowhere."""
    alone: dict[str, dict[str, None]] = {kind: {} for kind in PARTNERS}
    for listing in listings:
        bare = [pair.image for pair in listing.pairs if pair.label is None]
        bare = [] if len(bare) == len(listing.pairs) else bare
        said = ([*listing.without_label, *bare], listing.without_image, listing.missing)
        for kind, files in zip(PARTNERS, said, strict=True):
            alone[kind] |= dict.fromkeys(map(str, files))
    return alone


def _file_findings(scanned: Scanned) -> Iterator[Finding]:
    """Files that cannot be read, or do not fit their partner."""
    for kind, remedy in FILES.items():
        said = tuple(
            problem.sentence
            for record in scanned.records
            for problem in record.problems
            if problem.kind == kind
        )
        if said:
            yield Finding("error", kind, said[0] + more(said), remedy, said)


def _same_findings(scanned: Scanned) -> Iterator[Finding]:
    """The same pixels under several names."""
    same: dict[bytes, list[Record]] = defaultdict(list)
    for record in scanned.records:
        if record.digest is not None:
            same[record.digest].append(record)
    several = [records for records in same.values() if len(records) > 1]
    across = tuple(_equation(records) for records in several if len({record.split for record in records}) > 1)
    within = tuple(
        _equation(records) for records in several if len({record.split for record in records}) == 1
    )
    if across:
        yield Finding(
            "error",
            "same_picture",
            f"{across[0]}: the same picture in two splits{more(across)}, so that a score knows it by heart",
            "take it out of one of the two splits",
            across,
        )
    if within:
        yield Finding(
            "note",
            "copy",
            f"{within[0]}: the same picture twice in one split{more(within)}",
            "keep one of them, unless it is to count twice",
            within,
        )


def _equation(records: Sequence[Record]) -> str:
    """Their files: of each split the first, then others, up to three."""
    firsts = {record.split: place for place, record in reversed(list(enumerate(records)))}
    places = [*firsts.values(), *(place for place in range(len(records)) if place not in firsts.values())]
    shown = sorted(places[: max(3, len(firsts))])
    files = " = ".join(str(records[place].pair.image) for place in shown)
    return files if len(shown) == len(records) else f"{files} and {len(records) - len(shown)} more files"


def _near_findings(scanned: Scanned) -> Iterator[Finding]:
    """Pictures of one scene in two splits."""
    alike: dict[tuple[str, str], list[tuple[Record, Record]]] = defaultdict(list)
    for near in scanned.near:
        first, second = scanned.records[near.first], scanned.records[near.second]
        alike[first.split, second.split].append((first, second))
    for (split, other), pairs in sorted(alike.items(), key=lambda each: -len(each[1])):
        said = tuple(f"{first.pair.image} ~ {second.pair.image}" for first, second in pairs)
        yield Finding(
            "warning",
            "near_duplicate",
            f"{said[0]}: the same scene; {len(pairs)} of {len(scanned.of(split))} pictures of '{split}' have "
            f"such a near-duplicate in '{other}', and flatter its score",
            "divide the data by scene (video, place) instead of by picture, or take these out; until then do "
            f"not select by '{split}'",
            said,
        )


def _partial(scanned: Scanned) -> Finding:
    total = sum(len(listing.pairs) for listing in scanned.listings)
    return Finding(
        "warning",
        "partial",
        f"interrupted: {len(scanned.records)} of {total} pictures were read, and no "
        "near-duplicates were sought",
        "run inspect again, to the end",
    )
