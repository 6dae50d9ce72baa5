"""Classes that a flip would name wrongly."""

import numpy as np
import pytest

from atrous.data.inspection.mirrors import counterpart, mirror_findings
from atrous.data.layouts.cihp import LABELS as CIHP
from atrous.data.layouts.lip import LABELS as LIP
from atrous.labels import LabelSet, label_set

ARMS = ["ground", "left_arm", "right_arm", "left_leg", "right_leg"]


def said(labels, train=None):
    return [(each.severity, each.sentence, each.remedy) for each in mirror_findings(labels, train, True)]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("left_arm", "right_arm"),
        ("Right Shoe", "Left Shoe"),
        ("arm-l", "arm-r"),
        ("r_hand", "l_hand"),
        ("leftArm", "rightArm"),
        ("ground", None),
        ("bright", None),
        ("leftover", None),
        ("left_of_right", None),
    ],
)
def test_the_other_side_of_a_name(name, other):
    assert counterpart(name) == other
    assert other is None or counterpart(other) == name


@pytest.mark.parametrize("labels", [CIHP, LIP, label_set("none", ["ground", "car"])])
def test_nothing_is_said_of_pairs_that_are_right(labels):
    assert said(labels) == []


def test_sides_in_no_pair_are_told_with_the_pairs_to_write():
    ((severity, sentence, remedy),) = said(label_set("mine", ARMS, mirror_pairs=[("left_leg", "right_leg")]))
    assert severity == "warning"
    assert sentence.startswith("left_arm and right_arm: left and right, but in no mirror pair")
    assert "mirror_pairs=[[left_leg, right_leg], [left_arm, right_arm]]" in remedy


def test_a_known_data_set_is_not_told_to_change_its_labels():
    (finding,) = mirror_findings(label_set("mine", ARMS[:3]), None, own_labels=False)
    assert finding.remedy == "write augment.flip_probability=0"


def test_a_pair_of_other_things():
    wrong = label_set("mine", ARMS, mirror_pairs=[("left_arm", "left_leg"), ("right_arm", "right_leg")])
    first, second = said(wrong)
    assert "a flip swaps left_arm and left_leg" in first[1]
    assert "[left_arm, right_arm]" in first[2]
    assert "a flip swaps right_arm and right_leg" in second[1]


def test_a_class_in_two_pairs_is_an_error():
    twice = LabelSet("mine", ("a", "b", "c"), ((0, 0, 0),) * 3, {}, mirror_pairs=((0, 1), (1, 2)))
    ((severity, sentence, _),) = said(twice)
    assert severity == "error"
    assert "name a class twice" in sentence


def test_a_side_that_the_labels_never_show():
    labels = label_set("mine", ARMS[:3], mirror_pairs=[("left_arm", "right_arm")])
    ((_, sentence, _),) = said(labels, np.array([[5, 5, 0, 0]]))
    assert sentence.startswith("train has left_arm but no right_arm")
    assert said(labels, np.array([[5, 5, 5, 0]])) == []


def test_a_side_without_the_other():
    ((_, sentence, _),) = said(label_set("mine", ["ground", "left_lane"]))
    assert sentence.startswith("left_lane: a side, but the label set has no class for the other one")
