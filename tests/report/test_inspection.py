"""What an inspection prints."""

import pytest

from atrous import inspection
from atrous.data.inspection.finding import Plan, Scanned
from atrous.data.inspection.listing import Listing
from atrous.data.inspection.summary import summary
from atrous.labels import label_set
from atrous.report.inspection import print_inspection

LABELS = label_set("[/red]", {"[/x]": (1, 2, 3), "[bold]": (4, 5, 6)})
SCANNED = Scanned(LABELS, [Listing("[/train]", ("train", "val"))], [], [], True)
PLAN = Plan(batch_size=2, eval_batch_size=1, crop_size=None, flips=False, own_labels=True)


def test_names_are_no_markup(capsys):
    print_inspection(summary(SCANNED, []))
    printed = capsys.readouterr().out
    for name in ("[/red]", "[/x]", "[bold]", "[/train]"):
        assert name in printed


def test_what_was_found_is_written_before_it_is_printed(tmp_path, monkeypatch):
    def fail(data):
        raise RuntimeError("a terminal that is gone")

    monkeypatch.setattr(inspection, "print_inspection", fail)
    about = {"data": "[/d]", "root": "here", "label_format": "numbers"}
    with pytest.raises(RuntimeError, match="gone"):
        inspection.report(SCANNED, PLAN, tmp_path, about, lambda pairs, counts: [])
    assert {path.name for path in tmp_path.iterdir()} == {"inspection.json", "inspection.html"}
