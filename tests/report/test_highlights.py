import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from atrous.labels import label_set
from atrous.metrics.counts import count_picture
from atrous.metrics.evaluation import Evaluation
from atrous.report.highlights import confusions, lowest, picture_matrix, random_pictures, worst_pictures

LABELS = label_set("mine", ["ground", "left", "right"])
NAMES = st.lists(st.text(min_size=1), unique=True, max_size=30)


def counted(**pictures):
    return Evaluation.of(
        [
            count_picture(name, np.array([truth], np.uint8), np.array([predicted], np.uint8), LABELS)
            for name, (truth, predicted) in pictures.items()
        ],
        LABELS,
    )


EVALUATION = counted(
    half=([0, 0, 1, 1], [0, 0, 0, 0]),
    right=([0, 1, 2, 2], [0, 1, 2, 2]),
    unlabelled=([255] * 4, [0, 1, 2, 2]),
    wrong=([0, 0, 1, 1], [1, 1, 2, 255]),
)


def test_the_worst_come_first_and_pictures_without_labels_never():
    assert worst_pictures(EVALUATION, 2) == ["wrong", "half"]
    assert worst_pictures(EVALUATION, 9) == ["wrong", "half", "right"]


@given(NAMES, st.integers(0, 30), st.randoms())
def test_random_pictures_depend_on_nothing_but_the_set_of_names(names, num, random):
    chosen = random_pictures(names, num)
    assert len(chosen) == min(num, len(names))
    assert random_pictures(random.sample(names, len(names)), num) == chosen
    fewer = [name for name in names if name not in chosen[:1]]
    assert random_pictures(fewer, num)[: max(0, num - 1)] == chosen[1:]


@given(arrays(np.int64, (4, 5), elements=st.integers(0, 1000)))
def test_confusions_are_all_wrong_pixels_by_share_of_their_class(matrix):
    names = ["a", "b", "c", "d", "(no class)"]
    found = confusions(matrix, names)
    wrong = matrix.sum() - np.trace(matrix)
    assert sum(each.pixels for each in found) == wrong
    shares = [each.share for each in found]
    assert shares == sorted(shares, reverse=True)
    for each in found:
        assert each.truth != each.predicted
        row, column = names.index(each.truth), names.index(each.predicted)
        assert each.pixels == matrix[row, column]
        assert each.share == matrix[row, column] / matrix[row].sum()
        assert each.error_share == matrix[row, column] / wrong


def test_a_pictures_own_matrix_has_its_labelled_pixels():
    assert picture_matrix(EVALUATION, 3).tolist() == [[0, 2, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
    assert not picture_matrix(EVALUATION, 2).any()


def test_the_lowest_classes_leave_absent_ones_out():
    iou = np.array([0.5, np.nan, 0.25])
    assert lowest(iou, LABELS.classes, 3) == [("right", 0.25), ("ground", 0.5)]
    assert lowest(iou, LABELS.classes, 1) == [("right", 0.25)]
    assert lowest(np.full(3, np.nan), LABELS.classes, 3) == []
