from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from atrous.comparison.disagreements import differ_most, disagreements
from atrous.comparison.scored import Scored
from atrous.data.label_formats import INDEX
from atrous.data.layouts.pairs import Pair
from atrous.labels import label_set
from atrous.metrics.counts import count_picture
from atrous.metrics.evaluation import Evaluation
from atrous.report.comparison_page import BASELINE, BOTH, IGNORED, NEITHER, OTHER, who_is_right
from atrous.report.exports import Indices, write_prediction

LABELS = label_set("mine", ["ground", "left"])
LAYOUT = SimpleNamespace(labels=LABELS, label_format=INDEX)
TRUTH = np.array([[0, 0, 0, 0, 1, 1, 1, 1, 255, 255]], np.uint8)


def swapped(*columns):
    predicted = np.where(TRUTH == 255, 0, TRUTH).astype(np.uint8)
    predicted[0, list(columns)] = 1 - predicted[0, list(columns)]
    return predicted


PREDICTIONS = {
    "a": {"same": swapped(0, 1, 9), "little": swapped(0), "much": swapped(0, 1), "unlabelled": swapped()},
    "b": {"same": swapped(0, 1), "little": swapped(), "much": swapped(2, 3, 4), "unlabelled": swapped(5)},
}


@pytest.fixture
def made(tmp_path):
    """The pairs, and two evaluations of them with their predictions."""
    pairs = {}
    for name in PREDICTIONS["a"]:
        truth = np.full_like(TRUTH, 255) if name == "unlabelled" else TRUTH
        pairs[name] = Pair(name, tmp_path / f"{name}.png", tmp_path / f"{name}_L.png")
        Image.fromarray(np.zeros((1, 10, 3), np.uint8)).save(pairs[name].image)
        Image.fromarray(truth).save(pairs[name].label)
    sides = []
    for model, predictions in PREDICTIONS.items():
        rows = []
        for name, predicted in predictions.items():
            write_prediction(tmp_path / model, name, predicted, LABELS, Indices())
            truth = np.array(Image.open(pairs[name].label))
            rows.append(count_picture(name, truth, predicted, LABELS))
        sides.append(Scored(tmp_path / model, tmp_path / model, Evaluation.of(rows, LABELS), {}))
    return pairs, sides


def test_pictures_are_ordered_by_the_share_where_one_alone_is_right(made):
    pairs, sides = made
    found = disagreements(pairs, LAYOUT, *sides)
    assert [(one.name, one.only_baseline, one.only_other) for one in found] == [
        ("much", 3 / 8, 2 / 8),
        ("little", 0, 1 / 8),
        ("same", 0, 0),
        ("unlabelled", 0, 0),
    ]
    assert found[0].share == 5 / 8


def test_the_first_of_a_group_with_predictions_is_shown(made):
    pairs, (one, other) = made
    bare = Scored(Path("bare"), Path("bare"), one.evaluation, {})
    (picture,) = differ_most([bare, one], [other], lambda config: (LAYOUT, list(pairs.values())), 1)
    assert picture.name == "much"
    assert picture.miou_baseline == pytest.approx((2 / 4 + 4 / 6) / 2)
    assert set(picture.layers) == {"right", "image", "truth", "baseline", "other"}
    with pytest.raises(ValueError, match="bare holds no predictions"):
        differ_most([bare], [other], lambda config: (LAYOUT, list(pairs.values())), 1)


def test_files_that_changed_since_are_told(made):
    pairs, sides = made
    write_prediction(sides[1].folder, "little", swapped(7), LABELS, Indices())
    with pytest.raises(ValueError, match="picture 'little': its labels or predictions have changed since"):
        disagreements(pairs, LAYOUT, *sides)
    write_prediction(sides[1].folder, "little", swapped()[:, :5], LABELS, Indices())
    with pytest.raises(ValueError, match="picture 'little': its labels or predictions have changed since"):
        disagreements(pairs, LAYOUT, *sides)


def test_who_is_right_is_told_pixel_by_pixel():
    ours, theirs = swapped(0, 1), swapped(1, 4)
    expected = [[OTHER, NEITHER, BOTH, BOTH, BASELINE, BOTH, BOTH, BOTH, IGNORED, IGNORED]]
    assert who_is_right(TRUTH, ours, theirs, LABELS).tolist() == expected
