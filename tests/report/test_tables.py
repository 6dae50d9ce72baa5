import json

import torch

from atrous.labels import label_set
from atrous.report.tables import print_scores, write_scores

LABELS = label_set("mine", ["ground", "left", "right"])
CONFUSION = torch.tensor([[8, 2, 0], [1, 9, 0], [0, 0, 0]])


def test_scores_json_and_confusion_csv(tmp_path):
    write_scores(tmp_path / "new", CONFUSION, LABELS, {"split": "test", "num_pictures": 3})
    scores = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert scores["split"] == "test"
    assert scores["num_pictures"] == 3
    assert scores["num_pixels"] == 20
    assert scores["iou"] == {"ground": 8 / 11, "left": 9 / 12, "right": None}
    assert scores["miou"] == (8 / 11 + 9 / 12) / 2
    assert scores["pixel_accuracy"] == 17 / 20
    rows = (tmp_path / "new" / "confusion.csv").read_text().splitlines()
    assert rows == ["truth \\ prediction,ground,left,right", "ground,8,2,0", "left,1,9,0", "right,0,0,0"]


def test_the_printed_table_shows_absent_classes_as_such(capsys):
    print_scores(CONFUSION, LABELS, "a title")
    lines = capsys.readouterr().out.splitlines()
    assert "a title" in lines[0]
    (right,) = [line for line in lines if "right" in line]
    assert [cell.strip() for cell in right.strip("│").split("│")] == ["right", "0.00", "-", "-", "-", "-"]
    assert any("mIoU 73.86 %" in line for line in lines)
