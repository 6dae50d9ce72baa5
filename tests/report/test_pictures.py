import numpy as np

from atrous.labels import label_set
from atrous.report.pictures import CORRECT, IGNORED, WRONG, colorize, error_map, panel

LABELS = label_set("mine", {"ground": (1, 2, 3), "left": (200, 0, 0), "right": (0, 200, 0)})
TRUTH = np.array([[0, 1], [2, 255]], np.uint8)
PREDICTED = np.array([[0, 2], [2, 0]], np.uint8)


def test_colors_are_the_label_sets():
    assert colorize(TRUTH, LABELS).tolist() == [[[1, 2, 3], [200, 0, 0]], [[0, 200, 0], [0, 0, 0]]]


def test_errors_are_wrong_correct_or_ignored():
    errors = error_map(PREDICTED, TRUTH, LABELS)
    assert [[tuple(pixel) for pixel in row] for row in errors.tolist()] == [
        [CORRECT, WRONG],
        [CORRECT, IGNORED],
    ]


def test_a_panel_shows_four_pictures_over_a_legend():
    size = (90, 120)
    truth = np.tile(TRUTH, (45, 60))
    pixels = panel(np.full((*size, 3), 77, np.uint8), truth, np.zeros(size, np.uint8), LABELS)
    assert pixels.shape[1] == 4 * (2 * 120 + 8) + 8
    assert pixels.shape[0] > 2 * 90
    colors = {tuple(color) for color in pixels.reshape(-1, 3).tolist()}
    assert {(77, 77, 77), (1, 2, 3), (200, 0, 0), (0, 200, 0), CORRECT, WRONG, IGNORED} <= colors
