import pytest

from atrous.report.comparison_tables import print_comparison
from atrous.report.differences import Cell, Difference, class_rows, cost_rows, duration, letters, mean_rows

NO_COSTS = dict.fromkeys(
    ("num_parameters", "gmac", "size", "seconds_per_picture", "device", "training_seconds")
)
COSTS = {
    "num_parameters": 12_345_678,
    "gmac": 3.456,
    "size": [3, 4],
    "seconds_per_picture": 0.01234,
    "device": "cpu",
    "training_seconds": 3723.4,
}


def group(miou, error=0.1, costs=NO_COSTS, std=None, num_runs=1):
    mean = {"miou": miou, "calibration_error": error, "iou": {"[ground]": miou, "left": None}}
    return {"runs": ["x"] * num_runs, "mean": mean, "std": std, "costs": costs}


def difference(miou, ends, error=0.0, error_ends=None):
    return {
        "value": {"miou": miou, "calibration_error": error, "iou": {"[ground]": miou, "left": None}},
        "intervals": {"miou": ends, "calibration_error": error_ends, "iou": {"[ground]": None, "left": None}},
        "confidence": {"miou": 1.0, "calibration_error": 0.5, "iou": {"[ground]": None, "left": None}},
    }


def data(num_others=1, **second):
    std = {"miou": 0.01, "calibration_error": 0.0, "iou": {"[ground]": 0.02, "left": None}}
    others = [f"other{place}" for place in range(num_others)]
    first = group(0.5, costs=second.pop("costs", NO_COSTS), std=std, num_runs=3)
    return {
        "baseline": "first",
        "split": "test",
        "num_pictures": 7,
        "groups": {"first": first, **{name: group(0.6) for name in others}},
        "differences": {name: difference(0.1, [0.05, 0.15], **second) for name in others},
        "pictures_with_class": {"[ground]": 7, "left": 2},
        "notes": ["A [note]."],
    }


def test_cells_say_percent_and_points():
    assert str(Cell(0.12345, None)) == "12.35"
    assert str(Cell(0.5, 0.01)) == "50.00 ±1.00"
    assert str(Cell(None, None)) == "-"
    found = Difference(-0.0123, (-0.02, -0.001), 0.9996, False)
    assert (found.points, found.interval, found.sure) == ("-1.23 *", "-2.00 to -0.10", ">99.9")
    unsure = Difference(0.01, (-0.02, 0.04), 0.5, None)
    assert (unsure.points, unsure.sure) == ("+1.00", "50.0")
    unknown = Difference(None, None, None, None)
    assert (unknown.points, unknown.interval, unknown.sure) == ("-", "", "")


@pytest.mark.parametrize(("ends", "better"), [([0.1, 0.2], False), ([-0.2, -0.1], True), ([-0.1, 0.1], None)])
def test_an_error_is_better_when_it_is_lower(ends, better):
    rows = {row.name: row for row in mean_rows(data(error_ends=ends))}
    assert rows["mIoU"].differences["other0"].better is True
    assert rows["calibration error"].differences["other0"].better is better


def test_rows_are_of_means_and_classes():
    assert [row.name for row in mean_rows(data())] == ["mIoU", "calibration error"]
    ground, left = class_rows(data())
    assert ground.cells == {"first": Cell(0.5, 0.02), "other0": Cell(0.6, None)}
    assert left.differences["other0"] == Difference(None, None, None, None)


def test_costs_are_shown_where_one_is_known():
    assert cost_rows(data()) == {}
    assert cost_rows(data(costs=COSTS)) == {
        "first": ["12.35 M", "3.46", "0.0123", "cpu", "1:02:03"],
        "other0": ["-"] * 5,
    }
    assert duration(59.6) == "0:01:00"


def test_letters_go_on_after_z():
    found = letters(data(num_others=27))
    assert (found["first"], found["other0"], found["other24"], found["other26"]) == ("A", "B", "Z", "#28")


@pytest.mark.parametrize("num_others", [0, 1, 2, 5])
def test_the_tables_fit_the_number_of_groups(num_others, capsys):
    print_comparison(data(num_others, costs=COSTS))
    printed = capsys.readouterr().out
    assert "A  first (3 runs): mIoU 50.00 ±1.00" in printed
    assert "[ground]" in printed
    assert "- A [note]." in printed
    assert ("confidence  " in printed) == (num_others == 1)
    assert ("B - A" in printed) == (num_others > 0)
    assert ("60.00  " in printed) == (num_others in (1, 2))
    assert "1:02:03" in printed
    assert max(map(len, printed.splitlines())) <= 80
