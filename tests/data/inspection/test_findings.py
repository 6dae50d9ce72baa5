"""What is said of files, and how gravely."""

from pathlib import Path

from atrous.data.inspection.finding import Plan, Scanned
from atrous.data.inspection.findings import findings
from atrous.data.inspection.listing import Listing
from atrous.labels import label_set

LABELS = label_set("mine", {"ground": (9, 9, 9), "person": (255, 0, 0)})
PLAN = Plan(batch_size=2, eval_batch_size=1, crop_size=None, flips=False, own_labels=True)


def test_a_file_that_every_share_of_a_source_lacks_is_told_once():
    lacking = {"without_label": [Path("a.jpg")], "missing": ["list.txt, line 2: b.jpg is missing"]}
    listings = [
        Listing("train", ("train",), **lacking),
        Listing("val", ("val",), **lacking),
        Listing("test", ("test",), [], [Path("a.jpg"), Path("c.jpg")]),
    ]
    found = findings(Scanned(LABELS, listings, [], [], True), PLAN)
    assert [(each.severity, each.kind, each.examples) for each in found] == [
        ("error", "picture_without_label", ("a.jpg",)),
        ("error", "listing", ("list.txt, line 2: b.jpg is missing",)),
        ("warning", "picture_without_label", ("c.jpg",)),
    ]
