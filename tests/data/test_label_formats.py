import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from atrous.data.label_formats import Colors, Index, Threshold, spelling
from atrous.data.reading import read_labels
from atrous.labels import label_set

LABELS = label_set("mine", {"ground": (9, 9, 9), "left": (255, 0, 0), "right": (0, 0, 255)})
PERSON = label_set("person", ["background", "person"])
color = st.tuples(*[st.integers(0, 255)] * 3)


@given(st.lists(color, min_size=2, max_size=250, unique=True), st.integers(0, 2**32))
def test_colors_round_trip(colors, seed):
    labels = label_set(
        "many", {f"class{index}": value for index, value in enumerate(colors[:-1])} | {"x": None}
    )
    listed = {name: [value] for name, value in zip(labels.classes, colors[:-1], strict=False)}
    indices = np.random.default_rng(seed).integers(0, len(colors), (7, 5))
    pixels = np.array(colors, np.uint8)[indices]
    expected = np.where(indices == len(colors) - 1, 255, indices)
    assert (Colors(listed, ignore=[colors[-1]])(pixels, labels) == expected).all()


@given(st.lists(color, min_size=2, max_size=20, unique=True), color)
def test_a_color_that_is_not_listed_is_named(colors, other):
    labels = label_set("many", {f"class{index}": value for index, value in enumerate(colors)})
    pixels = np.array([[colors[0], other]], np.uint8)
    if other in colors:
        assert Colors()(pixels, labels).tolist() == [[0, colors.index(other)]]
    else:
        with pytest.raises(ValueError, match="is not listed for label set 'many'") as told:
            Colors()(pixels, labels)
        assert str(list(other)) in str(told.value)


def test_several_colors_of_a_class_and_the_label_sets_own():
    pixels = np.array([[(1, 1, 1), (2, 2, 2), (3, 3, 3)]], np.uint8)
    several = Colors({"ground": [1, 1, 1], "right": [[2, 2, 2], [3, 3, 3]]})
    assert several(pixels, LABELS).tolist() == [[0, 2, 2]]
    assert Colors()(LABELS.palette[[[2, 0, 1]]], LABELS).tolist() == [[2, 0, 1]]


@pytest.mark.parametrize(
    ("colors", "ignore", "message"),
    [
        ({"road": [1, 1, 1]}, (), "'road', which is no class of label set 'mine'; its classes: ground, left"),
        (
            {"left": [1, 1, 1], "right": [1, 1, 1]},
            (),
            r"\[1, 1, 1\] is listed twice, with different meanings",
        ),
        ({"left": [1, 1, 1]}, [[1, 1, 1]], r"\[1, 1, 1\] is listed twice"),
        ({"left": [1, 1, 256]}, (), r"\[1, 1, 256\] is not an RGB triple of values 0\.\.255"),
        ({"left": [[1, 1]]}, (), r"\[1, 1\] is not an RGB triple"),
    ],
)
def test_wrong_color_tables_are_told(colors, ignore, message):
    with pytest.raises(ValueError, match=message):
        Colors(colors, ignore)(np.zeros((1, 1, 3), np.uint8), LABELS)


@given(st.integers(0, 255), st.integers(0, 2**32))
def test_a_threshold_is_of_pillows_grey(above, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 8, 3)).astype(np.uint8)
    grey = np.array(Image.fromarray(pixels).convert("L"))
    assert (Threshold(above)(pixels, PERSON) == (grey > above)).all()


def test_a_threshold_tells_two_classes_apart():
    with pytest.raises(ValueError, match="label set 'mine' has 3: ground, left, right"):
        Threshold()(np.zeros((1, 1, 3), np.uint8), LABELS)


def saved(tmp_path, pixels, mode=None):
    path = tmp_path / "labels.png"
    image = Image.fromarray(pixels)
    (image.quantize(256) if mode == "P" else image.convert(mode)).save(path)
    return path


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1", "P"])
def test_masks_of_any_mode(tmp_path, mode):
    grey = np.array([[0, 255], [255, 0]], np.uint8)
    path = saved(tmp_path, grey, mode)
    assert read_labels(path, PERSON, Threshold()).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colors_of_any_mode(tmp_path, mode):
    path = saved(tmp_path, LABELS.palette[np.array([[0, 1], [2, 1]])], mode)
    with Image.open(path) as image:
        assert image.mode == mode
    assert read_labels(path, LABELS, Colors()).tolist() == [[0, 1], [2, 1]]


@pytest.mark.parametrize(
    ("pixels", "label_format", "message"),
    [
        (np.full((2, 2, 4), 7, np.uint8), Colors(), "partly transparent"),
        (np.full((2, 2), 700, np.uint16), Threshold(), "mode I;16; expected 8 bits"),
        (np.full((2, 2, 3), 7, np.uint8), Index(), "mode RGB; expected one channel"),
        (np.full((2, 2, 3), 7, np.uint8), Colors(), r"label colour \[7, 7, 7\] is not listed"),
        (np.full((2, 2, 3), 7, np.uint8), Threshold(), "a threshold tells two classes apart"),
    ],
)
def test_files_that_a_format_cannot_read_are_named(tmp_path, pixels, label_format, message):
    path = saved(tmp_path, pixels)
    with pytest.raises(ValueError, match=message) as told:
        read_labels(path, LABELS, label_format)
    assert str(told.value).startswith(f"{path}: ")


@pytest.mark.parametrize("value", [-32768, -1, 256])
def test_values_beyond_8_bits_are_no_others(value):
    """As remote sensing marks what it has no data for."""
    with pytest.raises(ValueError, match=rf"label value {value} is not in"):
        Index()(np.full((2, 2), value, np.int32), LABELS)
    assert Index()(np.zeros((2, 2), np.int32), LABELS).tolist() == [[0, 0], [0, 0]]


class Table:
    """As a user's own format: without a repr, and longer than numpy prints."""

    __slots__ = ("table",)
    of_colors = False

    def __init__(self, table):
        self.table = table


def test_a_spelling_tells_label_sets_formats_and_options_apart():
    values = np.zeros((4, 5000))
    values[1:, 2500] = 1, 2, 2 + 1e-12
    formats = [Index(), Threshold(1), Threshold(2), Colors({"a": [1, 2, 3]}), *map(Table, values)]
    sets = [label_set("mine", ["a", "b"]), label_set("mine", ["b", "a"])]
    spelt = {spelling(labels, label_format) for labels in sets for label_format in formats}
    assert len(spelt) == len(formats) * len(sets)
    assert spelling(sets[0], Table(values[1])) == spelling(sets[0], Table(values[1].copy()))
