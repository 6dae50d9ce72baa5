import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atrous.report.page import plot
from atrous.report.plots import FONT_SIZE, calibration_plot, confusion_plot, free_places, histogram, size_plot

HARD_NAMES = ["<b>", "$x_1^$ & co", "\N{CJK UNIFIED IDEOGRAPH-732B}"]


def texts(figure):
    return re.findall(r"<text[^>]*>([^<]*)</text>", plot(figure))


def test_a_confusion_matrix_shows_shares_of_its_rows():
    matrix = np.array([[75, 20, 4, 1], [0, 0, 0, 0], [1, 1, 998, 0]])
    shown = texts(confusion_plot(matrix, [*HARD_NAMES, "(no class)"]))
    assert [text for text in shown if text.isdigit()] == ["75", "20", "4", "1", "100"]
    assert shown.count("&lt;b&gt;") == shown.count("$x_1^$ &amp; co") == 2
    assert shown.count("(no class)") == 1


def test_a_large_confusion_matrix_has_neither_numbers_nor_names():
    shown = plot(confusion_plot(np.eye(150, dtype=np.int64), [f"class {index}" for index in range(150)]))
    assert "class 3" not in shown
    assert "image/png" in shown
    assert len(shown) < 60_000


def test_sizes_leave_out_what_truth_lacks():
    shares, iou = np.array([0.9, 0.1, 0.0]), np.array([0.8, 0.0, 0.0])
    for ends in (None, np.stack([iou - 0.1, iou + 0.1])):
        shown = texts(size_plot(shares, iou, ends, HARD_NAMES))
        assert {"&lt;b&gt;", "$x_1^$ &amp; co"} <= set(shown)
        assert HARD_NAMES[2] not in shown


def test_a_histogram_leaves_out_pictures_without_labels():
    shown = texts(histogram(np.array([0.25, np.nan, 0.75, 0.75]), 0.6))
    assert {"median: 75.0 %", "all pictures together: 60.0 %"} <= set(shown)


def test_calibration_with_empty_bins():
    counts = np.zeros((15, 3))
    counts[14] = 100, 97, 90
    assert "this model" in texts(calibration_plot(counts))


@given(
    st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200), st.floats(5, 90)), min_size=1, max_size=25),
)
def test_names_lie_neither_on_each_other_nor_on_points_nor_outside(points):
    places, widths = np.array([point[:2] for point in points]), [point[2] for point in points]
    boxes = []
    for index, corner in free_places(places, widths, 300).items():
        left, low = places[index] + corner
        assert left >= 0
        assert left + widths[index] <= 300
        box = left, low, left + widths[index], low + FONT_SIZE
        covered = (places > box[:2]).all(1) & (places < box[2:]).all(1)
        assert not covered.any()
        for other in boxes:
            apart = box[0] >= other[2] or other[0] >= box[2] or box[1] >= other[3] or other[1] >= box[3]
            assert apart
        boxes.append(box)
