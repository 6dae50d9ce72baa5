"""What the readable pictures and labels hold, against what a training would do with them."""

from collections import Counter
from collections.abc import Iterator

from atrous.data.inspection.finding import Finding, Plan, Scanned, more, some
from atrous.data.inspection.listing import Listing

MOSTLY = 0.5  # of the pixels ignored: a person should know


def content_findings(scanned: Scanned, plan: Plan) -> Iterator[Finding]:
    """Sizes, numbers and classes of each split."""
    for listing in scanned.listings:
        if "train" in listing.stages:
            yield from _training(scanned, listing, plan)
        if set(listing.stages) - {"train"}:
            yield from _mixed(scanned, listing, plan.eval_batch_size, "write data.eval_batch_size=1")
        yield from _classes(scanned, listing)
        yield from _ignored(scanned, listing)


def _training(scanned: Scanned, listing: Listing, plan: Plan) -> Iterator[Finding]:
    """What the training pictures are too few or too small for."""
    if 0 < len(listing.pairs) < plan.batch_size:
        yield Finding(
            "error",
            "few_pictures",
            f"split '{listing.split}': {len(listing.pairs)} pictures are too few for a batch of "
            f"data.batch_size={plan.batch_size}",
            f"write data.batch_size={len(listing.pairs)} or less",
        )
    if plan.crop_size is None:
        yield from _mixed(scanned, listing, plan.batch_size, "choose an augment, which crops")
        return
    height, width = plan.crop_size
    small = tuple(
        str(record.pair.image)
        for record in scanned.of(listing.split)
        if record.size is not None and (record.size[0] < width or record.size[1] < height)
    )
    if small:
        yield Finding(
            "warning",
            "small",
            f"{small[0]}: smaller than data.crop_size={list(plan.crop_size)} (height, width){more(small)}; "
            "the rest of its crops is padding",
            "lower data.crop_size, if they are many",
            small,
        )


def _mixed(scanned: Scanned, listing: Listing, batch: int, remedy: str) -> Iterator[Finding]:
    """Pictures of several sizes, which make no batch."""
    sizes = Counter(record.size for record in scanned.of(listing.split) if record.size is not None)
    if len(sizes) > 1 and batch > 1:
        words = [f"{size[0]}x{size[1]}" for size, _ in sizes.most_common()]
        yield Finding(
            "error" if listing.needed else "warning",
            "mixed_sizes",
            f"split '{listing.split}': pictures of {len(sizes)} sizes ({some(words, 4)}) do not fit batches "
            f"of {batch}",
            remedy,
        )


def _classes(scanned: Scanned, listing: Listing) -> Iterator[Finding]:
    """Classes that a split does not show."""
    counts = scanned.counted.get(listing.split)
    if counts is None:
        if any(record.sound for record in scanned.of(listing.split)):
            yield Finding(
                "error" if listing.needed else "warning",
                "no_labels",
                f"split '{listing.split}': every pixel is ignored, none has a class of label set "
                f"'{scanned.labels.name}'",
                "check data.root, the label set and its ignore values",
            )
        return
    pixels = counts[:, :-1].sum(0)
    absent = tuple(name for name, count in zip(scanned.labels.classes, pixels, strict=True) if not count)
    if absent:
        so = "nothing to learn it from" if "train" in listing.stages else "no score there"
        yield Finding(
            "warning",
            "absent_class",
            f"split '{listing.split}' has no pixel of {some(absent)}: {so}",
            "add pictures that show it, or divide the data anew",
            absent,
        )


def _ignored(scanned: Scanned, listing: Listing) -> Iterator[Finding]:
    """Labels of which much is ignored."""
    counts = scanned.counted.get(listing.split)
    if counts is None:
        return
    share = counts[:, -1].sum() / counts.sum()
    empty = tuple(
        str(record.pair.label)
        for record in scanned.of(listing.split)
        if record.sound and record.seen is not None and not record.seen.counts[:-1].any()
    )
    if share > MOSTLY:
        yield Finding(
            "warning",
            "ignored",
            f"split '{listing.split}': {100 * share:.0f} % of the labels' pixels are ignored",
            "check the label set's ignore values",
        )
    if empty:
        yield Finding(
            "warning",
            "ignored",
            f"{empty[0]}: every pixel is ignored{more(empty)}",
            "label it, or leave the picture out",
            empty,
        )
