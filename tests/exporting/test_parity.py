"""What the parity report counts, holds, and does with the file."""

import json

import numpy as np
import pytest

from atrous.exporting.parity import Parity, Sample, Tolerance, compare
from atrous.exporting.report import draft, publish
from atrous.exporting.timing import Latency, Speeds, latencies

IMAGE = np.zeros((2, 4, 3), np.uint8)
TRUTH = np.array([[0, 0, 1, 1], [0, 0, 1, 255]], np.uint8)
NONE = Speeds((2, 4), 1, {})


def answer(labels, logits=0.0):
    def run(images):
        return np.array([labels], np.uint8), np.full((1, 2, 2, 4), logits, np.float32)

    return run


def test_differences_are_counted_over_all_pictures():
    samples = [Sample("a", IMAGE, TRUTH), Sample("b", IMAGE, TRUTH)]
    right = [[0, 0, 1, 1], [0, 0, 1, 0]]
    wrong = [[1, 0, 1, 1], [0, 0, 1, 1]]
    found = compare(answer(right), answer(wrong, -0.5), samples, 2)
    assert found.num_pictures == 2
    assert found.logits == 0.5
    assert found.pixels == 2 / 8
    assert found.miou_before == 1
    assert found.miou_after == pytest.approx((3 / 4 + 3 / 4) / 2)  # the ignored pixel is out
    assert found.miou == pytest.approx(0.25)


def test_without_labels_there_is_no_miou():
    right = np.zeros((2, 4))
    found = compare(answer(right), answer(right), [Sample("a", IMAGE, TRUTH), Sample("b", IMAGE, None)], 2)
    assert (found.miou_before, found.miou_after, found.miou) == (None, None, None)
    assert found.pixels == 0


def test_no_picture_and_another_shape_are_told():
    with pytest.raises(ValueError, match="no picture to compare"):
        compare(answer([[0]]), answer([[0]]), [], 2)
    with pytest.raises(ValueError, match=r"a: the file gives uint8 \(1, 1, 1\), the network uint8"):
        compare(answer(TRUTH), answer([[0]]), [Sample("a", IMAGE, None)], 2)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"logits": 0.1}, "logits 0.2 (tolerance.logits=0.1)"),
        ({"pixels": 0}, "pixels 0.01 (tolerance.pixels=0)"),
        ({"miou": 0.04}, "miou 0.05 (tolerance.miou=0.04)"),
        ({"logits": 0.2, "pixels": 0.01, "miou": 0.06}, None),
        ({}, None),
    ],
)
def test_what_is_above_its_tolerance(limits, said):
    found = Tolerance(**limits).exceeded(Parity(3, 0.2, 0.01, 0.55, 0.5))
    assert found == ([] if said is None else [said])


def test_a_logit_that_is_no_number_is_above_any():
    samples = [Sample("a", IMAGE, None), Sample("b", IMAGE, None)]
    values = iter([np.nan, 0.0])
    found = compare(answer(TRUTH), lambda images: answer(TRUTH, next(values))(images), samples, 2)
    assert np.isnan(found.logits)
    assert Tolerance(logits=1e9).exceeded(found)


@pytest.mark.parametrize("value", [-1, True, "x", float("inf"), float("nan")])
def test_a_tolerance_is_a_number(value):
    with pytest.raises(ValueError, match=r"tolerance\.pixels=.*: expected a number, 0 or more, or null"):
        Tolerance(pixels=value)


@pytest.mark.parametrize("passes", [True, False])
def test_the_file_gets_its_name_by_the_report(tmp_path, capsys, passes):
    output = tmp_path / "out" / "net.onnx"
    parity = Parity(3, 0.2, 0.0, 0.5, 0.5)
    limits = Tolerance(logits=0.3 if passes else 0.1)
    speeds = Speeds((2, 4), 1, {"eager": Latency(2.0, 3.0)})

    def published():
        with draft(output) as path:
            path.write_bytes(b"graph")
            publish(path, output, parity, limits, speeds, {"classes": "[]"})

    if passes:
        published()
    else:
        with pytest.raises(ValueError, match=r"too far from the checkpoint: logits 0\.2 \(tolerance"):
            published()
    name = "net.onnx" if passes else "net.onnx.failed"
    assert sorted(each.name for each in output.parent.iterdir()) == [name, f"{name}.parity.json"]
    said = json.loads((output.parent / f"{name}.parity.json").read_text())
    assert (said["passed"], said["bytes"], said["classes"], said["file"]) == (passes, 5, "[]", name)
    assert said["parity"] == {
        "num_pictures": 3, "logits": 0.2, "pixels": 0.0, "miou_before": 0.5, "miou_after": 0.5, "miou": 0.0
    }  # fmt: skip
    assert said["latency"]["milliseconds"] == {"eager": {"median": 2.0, "p95": 3.0}}
    printed = capsys.readouterr().out.splitlines()
    assert f"{output.parent / name} against its checkpoint, 3 pictures" in printed
    assert "milliseconds a picture of 4x2, 1 threads" in printed


def test_nothing_is_left_of_a_file_that_fails_on_the_way(tmp_path):
    def half():
        with draft(tmp_path / "net.pt") as path:
            path.write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert list(tmp_path.iterdir()) == []


def test_each_is_timed_as_often():
    calls = []
    runs = {name: lambda images, name=name: calls.append((name, images.shape)) for name in ("a", "b")}
    found = latencies(runs, IMAGE, 5)
    assert calls.count(("a", (1, 2, 4, 3))) == calls.count(("b", (1, 2, 4, 3))) == 5 + 3
    assert all(0 < each.median <= each.p95 for each in found.values())
