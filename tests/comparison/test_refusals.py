from pathlib import Path

import evaluated
import numpy as np
import pytest

from atrous.comparison.refusals import require_comparable, shared_scores
from atrous.comparison.scored import Scored
from atrous.labels import label_set

OTHER_CLASSES = label_set("theirs", ["ground", "left", "right", "seldom"])


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (
            {"labels": OTHER_CLASSES},
            "it has label set 'theirs' of 4 classes, not 'mine' of 4 (it alone has 'seldom'); compare",
        ),
        (
            {"labels": label_set("few", ["ground", "left", "right"])},
            "it has label set 'few' of 3 classes, not 'mine' of 4 (it lacks 'rare')",
        ),
        (
            {"labels": label_set("order", ["left", "ground", "right", "rare"])},
            "(in another order)",
        ),
        (
            {"names": range(2, 13)},
            "1 of its 11 pictures are not among the other's, and 2 of the other's 12 not among its own "
            "(it alone has 'p12'); evaluate both on the same split, whole",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(other, reason):
    theirs = evaluated.evaluation(1, **other)
    pair = [
        Scored(Path("runs/a"), Path("runs/a/evaluate"), evaluated.evaluation(), {}),
        Scored(Path("runs/b"), Path("runs/b/evaluate"), theirs, {}),
    ]
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        require_comparable(pair)
    assert str(raised.value).startswith("runs/b/evaluate cannot be compared with runs/a/evaluate: ")
    assert reason in str(raised.value)
    require_comparable([pair[0], pair[0]])


def test_other_labels_are_told():
    truths = {f"p{index}": evaluated.truth_of(f"p{index}") for index in range(12)}
    others = truths | {"p3": np.where(truths["p3"] == 255, 0, truths["p3"]).astype(np.uint8)}
    pair = [
        Scored(Path(name), Path(name), of(labels, truths), {})
        for name, labels in (("a", truths), ("b", others))
    ]
    with pytest.raises(
        ValueError, match=r"b cannot .* a: the labels of 1 pictures are others \(in 'p3' other"
    ):
        require_comparable(pair)


def of(truths, predictions):
    rows = [
        evaluated.count_picture(name, truth, predictions[name], evaluated.LABELS)
        for name, truth in truths.items()
    ]
    return evaluated.Evaluation.of(rows, evaluated.LABELS)


def test_another_resolution_is_told():
    large = {f"p{index}": np.zeros((24, 32), np.uint8) for index in range(12)}
    pair = [
        Scored(Path("a"), Path("a"), evaluated.evaluation(), {}),
        Scored(Path("b"), Path("b"), of(large, large), {}),
    ]
    with pytest.raises(ValueError, match=r"12 pictures have another size \('p0': 32x24, not 16x12\)"):
        require_comparable(pair)


def test_scores_that_are_not_alike_are_left_out_and_told():
    names, said = shared_scores([evaluated.evaluation(), evaluated.evaluation(width=3)])
    assert "miou" in names
    assert not {"boundary_iou", "mean_boundary_iou"} & set(names)
    assert said == ["Boundary IoU was taken with boundary_width 0.02 and 3, and is not compared."]
    grouped = label_set("mine", list(evaluated.LABELS.classes), categories={"all": ["ground", "left"]})
    names, said = shared_scores([evaluated.evaluation(), evaluated.evaluation(labels=grouped)])
    assert "boundary_iou" in names
    assert said == ["Not in all of the evaluations, and left out: category_iou, category_miou."]
