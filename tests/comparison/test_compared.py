from pathlib import Path

import evaluated
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.comparison.notes import notes
from atrous.comparison.scored import Scored
from atrous.comparison.statistics import compared, difference, mean_costs, occurrences, statistics
from atrous.metrics.bootstrap import interval, resamples
from atrous.metrics.counts import PictureCounts
from atrous.metrics.evaluation import Evaluation

ALL = ["miou", "pixel_accuracy", "mean_boundary_iou", "iou", "precision"]


def of(*evaluations):
    return statistics(evaluations, ALL)


@pytest.fixture(scope="module")
def three():
    return [evaluated.evaluation(seed, 0.5 + 0.1 * seed) for seed in range(3)]


def test_against_a_bootstrap_in_plain_loops(three):
    """Draw the pictures of both models together, add their confusion matrices, score, subtract."""
    found = difference(three[0], of(three[0]), of(three[1]))
    side = evaluated.LABELS.num_classes + 1
    matrices = [model.confusion.toarray().reshape(-1, side, side) for model in three[:2]]
    moved = []
    for draw in resamples(12):
        ious = []
        for model in matrices:
            total = sum(times * matrix for times, matrix in zip(draw, model, strict=True))[:-1, :-1]
            inside, truth, guess = np.diag(total), total.sum(1), total.sum(0)
            union = truth + guess - inside
            ious.append(np.mean([one / whole for one, whole in zip(inside, union, strict=True) if whole > 0]))
        moved.append(ious[1] - ious[0])
    assert found["intervals"]["miou"] == pytest.approx(np.percentile(moved, [2.5, 97.5]))
    above, below = sum(one > 0 for one in moved), sum(one < 0 for one in moved)
    assert found["confidence"]["miou"] == pytest.approx(abs(above - below) / 1000)
    assert found["value"]["miou"] == pytest.approx(three[1].scores()["miou"] - three[0].scores()["miou"])


def test_backwards_is_the_negative(three):
    there, back = (difference(three[0], of(one), of(other)) for one, other in (three[:2], three[1::-1]))
    for name in ("miou", "pixel_accuracy", "mean_boundary_iou"):
        assert there["value"][name] == pytest.approx(-back["value"][name])
        assert there["intervals"][name] == pytest.approx([-end for end in back["intervals"][name][::-1]])
        assert there["confidence"][name] == back["confidence"][name]
    assert there["value"]["iou"]["left"] == pytest.approx(-back["value"]["iou"]["left"])


def test_a_model_does_not_differ_from_itself(three):
    found = difference(three[0], of(*three), of(*three))
    assert set(found["value"]["iou"].values()) == {0.0}
    assert (found["value"]["miou"], found["intervals"]["miou"], found["confidence"]["miou"]) == (0, [0, 0], 0)


def counts(name, correct, total=1000):
    """A picture of two classes, half and half, where ``correct`` of ``total`` pixels are right."""
    half, right = total // 2, correct // 2
    cells = np.array([0, 1, 3, 4])
    pixels = np.array([right, half - right, half - right, right])
    none = np.zeros((0, 3)), np.zeros((0, 2))
    return PictureCounts(name, (1, total), cells, pixels, np.ones((2, 2), np.int64), *none)


def of_accuracies(accuracies):
    from atrous.labels import label_set

    rows = [counts(f"{index:03d}", int(share)) for index, share in enumerate(accuracies)]
    return Evaluation.of(rows, label_set("two", ["a", "b"]))


@settings(max_examples=20)
@given(st.lists(st.integers(100, 800), min_size=6, max_size=12), st.integers(2, 100))
def test_a_model_that_is_better_in_every_picture_is_better_with_all_confidence(shares, more):
    worse, better = of_accuracies(shares), of_accuracies([share + more for share in shares])
    found = difference(worse, of(worse), of(better))
    assert found["confidence"]["miou"] == 1
    assert found["intervals"]["miou"][0] > 0
    assert found["intervals"]["pixel_accuracy"] == pytest.approx([more // 2 / 500] * 2, abs=0.003)


def test_a_constant_difference_has_an_interval_of_no_width():
    """What makes a picture hard for both cancels out: this is what pairing is for."""
    shares = np.random.default_rng(0).integers(200, 800, 40)
    found = difference(of_accuracies(shares), of(of_accuracies(shares)), of(of_accuracies(shares + 50)))
    assert found["intervals"]["pixel_accuracy"] == pytest.approx([0.05, 0.05], abs=2e-3)
    alone = of_accuracies(shares).intervals()["pixel_accuracy"]
    assert alone[1] - alone[0] > 0.1


def test_the_interval_covers_the_true_difference_as_often_as_it_says():
    """A picture is as hard for both, with noise of their own; the second model is better by 0.02."""
    rng = np.random.default_rng(3)
    covered = sure = 0
    rounds = 400
    for _ in range(rounds):
        hard = rng.normal(0.6, 0.1, 60)
        ours, theirs = (hard + rng.normal(extra, 0.05, 60) for extra in (0.0, 0.02))
        weights = resamples(60, 300, seed=int(rng.integers(2**31)))
        low, high = interval(weights @ (theirs - ours) / 60)
        covered += low <= 0.02 <= high
        sure += low > 0
    assert 0.91 < covered / rounds < 0.98
    assert 0.4 < sure / rounds < 0.75  # the normal distribution's power: 0.59


def test_a_class_in_few_pictures_has_a_difference_but_no_confidence(three):
    assert occurrences(three[0], "iou").tolist() == [12, 12, 12, 2]
    assert occurrences(three[0], "miou") == 12
    found = difference(three[0], of(three[0]), of(three[1]))
    assert found["value"]["iou"]["rare"] is not None
    assert found["intervals"]["iou"]["rare"] is None
    assert found["confidence"]["iou"]["rare"] is None
    assert found["confidence"]["iou"]["left"] is not None


def test_a_handful_of_pictures_has_no_confidence_at_all():
    few = [evaluated.evaluation(seed, names=range(5)) for seed in range(2)]
    found = difference(few[0], of(few[0]), of(few[1]))
    assert found["value"]["miou"] is not None
    assert found["confidence"]["miou"] is None


def test_categories_occur_where_one_of_their_classes_does():
    from atrous.labels import label_set

    labels = label_set(
        "mine", list(evaluated.LABELS.classes), categories={"seldom": ["rare"], "all": ["left"]}
    )
    assert occurrences(evaluated.evaluation(labels=labels), "category_iou").tolist() == [2, 12]


def test_a_group_is_its_seeds_mean_with_their_standard_deviation(three):
    group = [Scored(folder, folder, one, {}) for folder, one in zip("abc", three, strict=True)]
    data = compared({"all": group, "first": group[:1]}, ALL)
    mious = [float(one.scores()["miou"]) for one in three]
    mean = sum(mious) / 3
    assert data["groups"]["all"]["mean"]["miou"] == pytest.approx(mean)
    spread = (sum((miou - mean) ** 2 for miou in mious) / 2) ** 0.5
    assert data["groups"]["all"]["std"]["miou"] == pytest.approx(spread)
    assert data["groups"]["first"]["std"] is None
    assert data["groups"]["all"]["mious"] == pytest.approx(mious)
    resampled = np.mean([one.bootstrap()["miou"] for one in three], axis=0)
    assert data["groups"]["all"]["intervals"]["miou"] == pytest.approx(interval(resampled))
    moved = interval(three[0].bootstrap()["miou"] - resampled)
    assert data["differences"]["first"]["intervals"]["miou"] == pytest.approx(moved)


def test_a_difference_is_over_the_seeds_that_both_groups_have(three):
    """Else the seeds' own difference would be taken for the models'."""
    zero, one, other = three

    def trained(evaluation, seed):
        return Scored(Path("x"), Path("x"), evaluation, {}, {"seed": seed})

    pair = compared({"a": [trained(zero, 0)], "b": [trained(other, 0)]}, ALL)["differences"]["b"]
    both = {"a": [trained(zero, 0), trained(one, 1)], "b": [trained(other, 0)]}
    assert compared(both, ALL)["differences"]["b"] == pair
    assert "b less a is over the seeds that both have: 0." in notes(both)
    apart = {"a": [trained(zero, 0), trained(one, 1)], "b": [trained(other, 2)]}
    assert compared(apart, ALL)["differences"]["b"] != pair
    assert "b and a have no seed in common: what they differ by is also the seeds'." in notes(apart)


def test_costs_are_means_of_what_is_known_of_all():
    one = {"num_parameters": 5, "gmac": 2.0, "size": [3, 4], "device": "x", "training_seconds": 10.0}
    found = mean_costs(
        [{**one, "seconds_per_picture": 1.0}, {**one, "seconds_per_picture": 2.0, "device": "y"}]
    )
    assert found["seconds_per_picture"] == 1.5
    assert found["device"] == "x, y"
    assert found["num_parameters"] == 5
    assert mean_costs([{**one, "seconds_per_picture": 1.0}, {}])["seconds_per_picture"] is None
    assert set(mean_costs([{}]).values()) == {None}
