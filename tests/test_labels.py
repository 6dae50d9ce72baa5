import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.data.layouts.camvid import LABELS as CAMVID
from atrous.data.layouts.cityscapes import LABEL_SETS
from atrous.labels import LabelSet, label_set, voc_color

names = st.lists(st.text(min_size=1), min_size=2, max_size=30, unique=True)


@given(names)
def test_plain_data_round_trip(classes):
    labels = label_set("some", classes, mirror_pairs=[(classes[0], classes[1])])
    assert LabelSet.from_dict(labels.to_dict()) == labels
    assert labels.num_classes == len(classes)


def test_a_class_has_its_index_by_name():
    assert [CAMVID.index(name) for name in CAMVID.classes] == list(range(11))
    with pytest.raises(ValueError, match="label set 'camvid_11' has no class 'cyclist'; its classes: sky, b"):
        CAMVID.index("cyclist")


@given(names)
def test_mirroring_twice_changes_nothing(classes):
    labels = label_set("some", classes, mirror_pairs=[(classes[0], classes[-1])])
    table = labels.mirror_table
    assert table[0] == len(classes) - 1
    assert (table[table] == np.arange(256)).all()
    assert table[labels.ignore_index] == labels.ignore_index


def test_the_first_voc_colors():
    # PASCAL VOC's own table: background, aeroplane, bicycle, ..., tv/monitor, border
    assert [voc_color(index) for index in (0, 1, 2, 20)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (0, 64, 128),
    ]
    assert voc_color(255) == (224, 224, 192)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": ["one"]}, "has 1 classes; expected 2 to 254"),
        ({"classes": ["a", "b"], "raw_ids": {"a": 1}}, "raw_ids lists no value for b"),
        ({"classes": ["a", "b"], "raw_ids": {"a": 0, "b": 1, "c": 2}}, "no class 'c'; its classes: a, b"),
        ({"classes": ["a", "b"], "raw_ids": {"a": 300, "b": 1}}, "raw id 300 does not fit a label file"),
        ({"classes": ["a", "b"], "raw_ids": {"a": [1, 2], "b": 2}}, "raw id 2 of 'b' is listed twice"),
        ({"classes": {"a": (0, 0, 0), "b": (0, 0, 256)}}, "colour [0, 0, 256] is not an RGB triple"),
        ({"classes": ["a", "b", "a"]}, "class names ['a'] occur more than once"),
        ({"classes": ["a", "b"], "mirror_pairs": [("a", "z")]}, "no class 'z'"),
        ({"classes": ["a", "b"], "ignore": [1]}, "raw id 1 of 'b' is in ignore=[1] too"),
        ({"classes": ["a", "b"], "ignore": 1}, "raw id 1 of 'b' is in ignore=[1] too"),
        (
            {"classes": ["a", "b"], "raw_ids": {"a": 0, "b": 255}},
            "raw id 255 of 'b' is in ignore=[255] too (255, unless you write it): write ignore: []",
        ),
    ],
)
def test_wrong_label_sets_are_refused(arguments, message):
    with pytest.raises(ValueError, match=r"label set|colour") as told:
        label_set("bad", **arguments)
    assert message in str(told.value)


def test_cityscapes_tables_agree_with_the_official_one():
    from cityscapesscripts.helpers.labels import labels as official

    for raw in official:
        value = 255 if raw.id == -1 else raw.id
        assert LABEL_SETS[19].raw_table[value] == (255 if raw.trainId in (-1, 255) else raw.trainId)
        assert LABEL_SETS[20].raw_table[value] == (19 if raw.trainId in (-1, 255) else raw.trainId)
        assert LABEL_SETS[34].raw_table[value] == value
        if raw.trainId not in (-1, 255):
            assert LABEL_SETS[19].classes[raw.trainId] == raw.name
            assert LABEL_SETS[19].colors[raw.trainId] == raw.color
        if raw.id >= 0:
            assert LABEL_SETS[34].classes[raw.id] == raw.name


def test_camvid_void_is_ignored():
    assert CAMVID.num_classes == 11
    assert CAMVID.raw_table[11] == CAMVID.ignore_index
    assert (CAMVID.palette[CAMVID.ignore_index] == 0).all()
