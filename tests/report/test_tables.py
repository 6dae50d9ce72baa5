import json

import torch

from atrous.labels import label_set
from atrous.metrics import Evaluation
from atrous.report.tables import print_scores, write_scores

LABELS = label_set("mine", ["ground", "left", "right"])
EVALUATION = Evaluation(
    torch.tensor([[8, 2, 0], [1, 9, 0], [0, 0, 0]]),
    image_mious=torch.tensor([0.25, 0.75, float("nan")], dtype=torch.float64),
)


def test_scores_json_and_confusion_csv(tmp_path):
    write_scores(tmp_path / "new", EVALUATION, LABELS, {"split": "test"})
    scores = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert scores["split"] == "test"
    assert scores["num_pictures"] == 3
    assert scores["num_pixels"] == 20
    assert scores["iou"] == {"ground": 8 / 11, "left": 9 / 12, "right": None}
    assert scores["miou"] == (8 / 11 + 9 / 12) / 2
    assert scores["pixel_accuracy"] == 17 / 20
    assert scores["iou_sum_over_sum"] == 17 / 23
    assert scores["miou_per_image"] == 0.5
    rows = (tmp_path / "new" / "confusion.csv").read_text().splitlines()
    assert rows == ["truth \\ prediction,ground,left,right", "ground,8,2,0", "left,1,9,0", "right,0,0,0"]


def test_the_printed_table_shows_absent_classes_as_such(capsys):
    print_scores(EVALUATION, LABELS, "a title")
    lines = capsys.readouterr().out.splitlines()
    assert "a title" in lines[0]
    (right,) = [line for line in lines if "right" in line]
    assert [cell.strip() for cell in right.strip("│").split("│")] == ["right", "0.00", "-", "-", "-", "-"]
    assert any("mIoU 73.86 %" in line for line in lines)


def test_a_binary_task_reports_its_object_first(tmp_path, capsys):
    labels = label_set("mads", ["background", "person"])
    evaluation = Evaluation(torch.tensor([[8, 2], [1, 9]]), image_mious=torch.tensor([0.7]))
    write_scores(tmp_path, evaluation, labels, {})
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert list(scores)[3:5] == ["dice_person", "iou_person"]
    assert (scores["dice_person"], scores["iou_person"]) == (18 / 21, 9 / 12)
    print_scores(evaluation, labels, "a title")
    assert capsys.readouterr().out.startswith("person: Dice 85.71 %   IoU 75.00 %")
