import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.labels import label_set
from atrous.metrics.bootstrap import interval, resamples
from atrous.metrics.calibration import calibration_error
from atrous.metrics.confusion import class_scores, confusion_matrix, mean
from atrous.metrics.counts import count_picture
from atrous.metrics.evaluation import Evaluation

LABELS = label_set(
    "mine",
    ["ground", "left", "right", "never"],
    categories={"below": ["ground"], "beside": ["left", "right"]},
    instance_sizes={"left": 10.0, "right": 20.0},
)
C = 4


def picture(seed, size=(12, 14)):
    """Truth, prediction, confidence and objects of one picture."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, 2, 255], size, p=[0.5, 0.3, 0.1, 0.1]).astype(np.uint8)
    predicted = np.where(rng.random(size) < 0.6, truth, rng.integers(0, 3, size)).astype(np.uint8)
    number = 1 + np.arange(truth.size).reshape(size) // 5
    objects = np.where((truth == 1) | (truth == 2), truth + 256 * number, 0).astype(np.int32)
    return truth, predicted, rng.random(size, dtype=np.float32), objects


def counted(seed, **options):
    truth, predicted, confidence, objects = picture(seed)
    return count_picture(
        f"picture{seed}", truth, predicted, LABELS, confidence=confidence, objects=objects, **options
    )


@pytest.fixture(scope="module")
def evaluation():
    return Evaluation.of([counted(seed) for seed in range(7)], LABELS, 0.02)


def test_the_total_is_the_sum_over_pictures(evaluation):
    expected = sum(confusion_matrix(*picture(seed)[:2], C) for seed in range(7))
    assert (evaluation.total == expected).all()
    assert evaluation.total.dtype == np.int64
    per_picture = [class_scores(confusion_matrix(*picture(seed)[:2], C))["iou"] for seed in range(7)]
    assert np.array_equal(evaluation.picture_iou, per_picture, equal_nan=True)


@settings(max_examples=20)
@given(st.permutations(range(7)))
def test_nothing_depends_on_the_order_of_pictures(order):
    """So on how they were dealt out to devices."""
    one, other = (Evaluation.of([counted(seed) for seed in seeds], LABELS) for seeds in (range(7), order))
    assert one.names == other.names
    assert one.fingerprints() == other.fingerprints()
    for name, values in one.scores().items():
        assert np.array_equal(values, other.scores()[name], equal_nan=True), name


def test_resampling_is_scoring_the_pictures_again(evaluation):
    """A picture that is drawn twice counts as two pictures."""
    draws = resamples(7, 5)
    together = evaluation.resampled(draws)
    for row, draw in enumerate(draws):
        again = []
        for seed, times in enumerate(draw):
            again += [counted(seed)._replace(name=f"{seed}.{copy}") for copy in range(times)]
        alone = Evaluation.of(again, LABELS).scores()
        assert together.keys() == alone.keys()
        for name, values in alone.items():
            assert np.allclose(together[name][row], values, equal_nan=True), name


def test_intervals_hold_their_score_and_narrow_with_more_pictures(evaluation):
    scores, ends = evaluation.scores(), evaluation.intervals()
    assert scores.keys() == ends.keys()
    for name in ("miou", "pixel_accuracy", "mean_boundary_iou", "calibration_error", "instance_miou"):
        low, high = ends[name]
        assert low < scores[name] < high, name
    many = Evaluation.of([counted(seed) for seed in range(60)], LABELS).intervals()
    assert np.diff(many["miou"].T) < 0.6 * np.diff(ends["miou"].T)
    assert np.isnan(ends["iou"][:, 3]).all()
    assert ends["iou"].shape == (2, C)
    assert np.allclose(interval(evaluation.bootstrap()["miou"]), ends["miou"])


def test_the_eight_definitions_of_mean_iou_are_told_apart(evaluation):
    """Each against its own words, and no two alike."""
    scores = evaluation.scores()
    everything = [picture(seed)[:2] for seed in range(7)]
    truth = np.concatenate([truth.ravel() for truth, _ in everything])
    predicted = np.concatenate([predicted.ravel() for _, predicted in everything])
    labelled = truth != 255

    def iou(index, where, true=truth, guess=predicted):
        own, found = (true == index) & where, (guess == index) & where
        return (own & found).sum() / (own | found).sum() if (own | found).any() else np.nan

    anywhere = np.ones_like(labelled)
    classes = [iou(index, labelled) for index in range(C)]
    pixels = [(truth[labelled] == index).sum() for index in range(C)]
    alone = []
    for true, guess in everything:
        where = true != 255
        alone.append([iou(index, where, true, guess) for index in range(C)])
    expected = {
        "miou": np.nanmean(classes),
        "miou_void_as_errors": np.nanmean([iou(index, anywhere) for index in range(C)]),
        "miou_void_as_class": np.nanmean([*(iou(index, anywhere) for index in range(C)), iou(255, anywhere)]),
        "miou_per_image": np.mean([np.nanmean(values) for values in alone]),
        "miou_per_image_absent_as_zero": np.mean([np.nansum(values) / C for values in alone]),
        "iou_sum_over_sum": (truth == predicted)[labelled].sum()
        / (2 * labelled.sum() - (truth == predicted)[labelled].sum()),
        "frequency_weighted_iou": np.nansum(np.array(classes) * pixels) / labelled.sum(),
        "miou_per_image_over_classes_plus_one": np.mean([np.nansum(values) / (C + 1) for values in alone]),
    }
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value), name
    values = sorted(expected.values())
    assert len(values) == 8
    assert min(np.diff(values)) > 1e-4


def test_objects_count_alike_whatever_their_size():
    """Two objects of a class, 2 and 8 pixels: one found, one missed, is half; their pixels say 0.2 or 0.8."""
    truth = np.zeros((1, 20), np.uint8)
    truth[0, :2] = truth[0, 10:18] = 1
    objects = np.zeros((1, 20), np.int32)
    objects[0, :2], objects[0, 10:18] = 1 + 256 * 1, 1 + 256 * 2
    predicted = np.zeros((1, 20), np.uint8)
    predicted[0, :2] = 1
    evaluation = Evaluation.of([count_picture("x", truth, predicted, LABELS, objects=objects)], LABELS)
    scores = evaluation.scores()
    assert scores["iou"][1] == 0.2
    assert scores["instance_iou"][0] == 0.5
    assert np.isnan(scores["instance_iou"][1])
    assert evaluation.columns()["instance_iou"] == ("left", "right")
    assert evaluation.columns()["instance_category_iou"] == ("beside",)


def test_what_is_not_known_is_not_scored():
    truth, predicted, *_ = picture(0)
    scores = Evaluation.of([count_picture("x", truth, predicted, LABELS)], LABELS).scores()
    assert "calibration_error" not in scores
    assert not [name for name in scores if "instance" in name]
    plain = label_set("plain", LABELS.classes)
    assert "category_miou" not in Evaluation.of([count_picture("x", truth, predicted, plain)], plain).scores()


def test_a_picture_without_labels_changes_no_score(evaluation):
    truth, predicted, confidence, objects = picture(99)
    blank = count_picture(
        "zz", np.full_like(truth, 255), predicted, LABELS, confidence=confidence, objects=0 * objects
    )
    more = Evaluation.of([*(counted(seed) for seed in range(7)), blank], LABELS)
    for name, values in evaluation.scores().items():
        if "void" not in name:
            assert np.allclose(more.scores()[name], values, equal_nan=True), name
    assert np.isnan(more.picture_miou[-1])
    assert mean(more.picture_miou) == pytest.approx(more.scores()["miou_per_image"])
    assert more.fingerprints()["truth"] != evaluation.fingerprints()["truth"]


def test_fingerprints_tell_pictures_and_truth_apart_but_not_predictions(evaluation):
    same = evaluation.fingerprints()
    others = [counted(seed) for seed in range(7)]
    truth, predicted, *_ = picture(0)
    worse = count_picture(
        "picture0", truth, 0 * predicted, LABELS, confidence=picture(0)[2], objects=picture(0)[3]
    )
    assert Evaluation.of([worse, *others[1:]], LABELS).fingerprints() == same
    assert Evaluation.of(others[1:], LABELS).fingerprints()["pictures"] != same["pictures"]
    relabelled = count_picture(
        "picture0",
        np.where(truth == 1, 2, truth),
        predicted,
        LABELS,
        confidence=picture(0)[2],
        objects=picture(0)[3],
    )
    changed = Evaluation.of([relabelled, *others[1:]], LABELS).fingerprints()
    assert changed["pictures"] == same["pictures"]
    assert changed["truth"] != same["truth"]


def test_saved_and_read_again_it_is_the_same(evaluation, tmp_path):
    evaluation.save(tmp_path / "counts.npz")
    again = Evaluation.load(tmp_path / "counts.npz")
    assert again.labels == LABELS
    assert again.names == evaluation.names
    assert again.fingerprints() == evaluation.fingerprints()
    for name, values in evaluation.scores().items():
        assert np.array_equal(again.scores()[name], values, equal_nan=True), name
    assert calibration_error(again.calibration.sum(0)) == again.scores()["calibration_error"]


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: b"", lambda data: b"PK" + data[9:]])
def test_damaged_counts_are_told(evaluation, tmp_path, damage):
    path = tmp_path / "counts.npz"
    evaluation.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"counts\.npz: cannot be read as counts"):
        Evaluation.load(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"cells": lambda cells: np.where(np.arange(len(cells)) == 0, 2**31 - 1, cells)},
        {"starts": lambda starts: np.where(np.arange(len(starts)) == 1, 10**9, starts)},
        {"labels": lambda labels: np.array("[]")},
        {"labels": lambda labels: np.array('{"name": "x", "raw_ids": []}')},
        {"boundary": lambda boundary: boundary[:-1]},
        {"boundary_width": lambda width: np.array([1.0, 2.0])},
        {"calibration": lambda calibration: calibration[:, :3]},
        {"sizes": lambda sizes: np.array([["a", "b"]] * len(sizes))},
        {"names": lambda names: names[:2]},
        {"names": lambda names: names[:0]},
    ],
)
def test_counts_from_others_cannot_bite(evaluation, tmp_path, changes):
    """A file that is whole, but whose arrays do not fit: SciPy would read beyond its memory."""
    path = tmp_path / "counts.npz"
    evaluation.save(path)
    with np.load(path, allow_pickle=False) as file:
        stored = dict(file)
    for name, change in changes.items():
        stored[name] = change(stored[name])
    with path.open("wb") as file:
        np.savez(file, **stored)
    with pytest.raises(ValueError, match=r"counts\.npz: cannot be read as counts"):
        Evaluation.load(path)


def test_no_picture_is_no_evaluation():
    with pytest.raises(ValueError, match="no picture was scored"):
        Evaluation.of([], LABELS)
