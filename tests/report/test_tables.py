import json

import numpy as np
import pytest

from atrous.labels import label_set
from atrous.metrics.counts import count_picture
from atrous.metrics.evaluation import Evaluation
from atrous.report.tables import print_scores, shares, write_scores

LABELS = label_set("mine", ["ground", "left", "right"])
BINARY = label_set("mads", ["background", "person"])


def evaluation(labels, *pictures):
    """Of pictures of one row, as (truth, prediction)."""
    counted = [
        count_picture(f"p{index}", *(np.array([row], np.uint8) for row in rows), labels)
        for index, rows in enumerate(pictures)
    ]
    return Evaluation.of(counted, labels)


TWO = evaluation(
    LABELS, ([0] * 10, [0] * 8 + [1] * 2), ([1] * 10 + [255] * 3, [0] + [1] * 9 + [2] * 3), ([255], [0])
)


def test_scores_json_and_confusion_csv(tmp_path):
    returned = write_scores(tmp_path / "new", TWO, {"split": "test"})
    scores = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert scores == returned
    assert scores["split"] == "test"
    assert scores["num_pictures"] == 3
    assert scores["num_pixels"] == 20
    assert scores["num_ignored_pixels"] == 4
    assert scores["iou"] == {"ground": 8 / 11, "left": 9 / 12, "right": None}
    assert scores["miou"] == (8 / 11 + 9 / 12) / 2
    assert scores["pixel_accuracy"] == 17 / 20
    assert scores["iou_sum_over_sum"] == 17 / 23
    assert scores["miou_per_image"] == pytest.approx((8 / 10 / 2 + 9 / 10 / 2) / 2)
    assert scores["intervals"]["iou"]["right"] is None
    low, high = scores["intervals"]["pixel_accuracy"]
    assert low <= 17 / 20 <= high
    assert scores["versions"]["atrous"]
    rows = (tmp_path / "new" / "confusion.csv").read_text().splitlines()
    assert rows == ["truth \\ prediction,ground,left,right", "ground,8,2,0", "left,1,9,0", "right,0,0,0"]
    assert Evaluation.load(tmp_path / "new" / "counts.npz").scores().keys() == TWO.scores().keys()


def test_predictions_that_are_no_class_have_a_column(tmp_path):
    write_scores(tmp_path, evaluation(LABELS, ([0, 0, 1], [0, 255, 7])), {})
    rows = (tmp_path / "confusion.csv").read_text().splitlines()
    assert rows[:3] == ["truth \\ prediction,ground,left,right,(no class)", "ground,1,0,0,1", "left,0,0,0,1"]


def test_one_picture_has_no_intervals(tmp_path):
    assert write_scores(tmp_path, evaluation(LABELS, ([0, 1], [0, 1])), {})["intervals"] == {}


def test_the_printed_table_shows_absent_classes_as_such(tmp_path, capsys):
    print_scores(write_scores(tmp_path, TWO, {}), shares(TWO), "a title")
    lines = capsys.readouterr().out.splitlines()
    assert "a title" in lines[0]
    (right,) = [line for line in lines if "right" in line]
    assert right.split() == ["right", "0.00", *"-----"]
    assert any("mIoU 73.86 %" in line for line in lines)
    assert max(map(len, lines[:-1])) <= 80


def test_names_are_no_markup(tmp_path, capsys):
    odd = label_set("odd", ["[/x] ground", "[red]object"])
    mine = evaluation(odd, ([0, 1], [0, 1]), ([0], [0]))
    print_scores(write_scores(tmp_path, mine, {}), shares(mine), "r[/x]/last.ckpt")
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("[/x] ground", "[red]object", "r[/x]/last.ckpt"))


def test_a_binary_task_reports_its_object_first(tmp_path, capsys):
    mads = evaluation(BINARY, ([0] * 10 + [1] * 10, [0] * 8 + [1] * 2 + [0] + [1] * 9), ([0], [0]))
    scores = write_scores(tmp_path, mads, {})
    names = list(scores)
    assert names.index("dice_person") < names.index("iou_person") < names.index("miou")
    assert (scores["dice_person"], scores["iou_person"]) == (18 / 21, 9 / 12)
    assert "iou_person" in scores["intervals"]
    print_scores(scores, shares(mads), "a title")
    assert capsys.readouterr().out.startswith("person: Dice 85.71 %   IoU 75.00 %")
