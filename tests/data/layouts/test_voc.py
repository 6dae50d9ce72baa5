import fabricate
import pytest

from atrous.data.layouts.voc import LABELS, Voc
from atrous.data.reading import read_labels


def test_2007_has_test_labels(tmp_path):
    fabricate.voc2007(tmp_path)
    layout = Voc(tmp_path, 2007)
    counts = [len(layout.pairs(split)) for split in ("train", "val", "trainval", "test")]
    assert counts == [8, 3, 11, 3]
    assert all(pair.label is not None for pair in layout.pairs("test"))
    with pytest.raises(ValueError, match="split 'trainaug': VOC 2007 has no such split"):
        layout.pairs("trainaug")


@pytest.mark.parametrize("name", ["trainaug.txt", "train_aug.txt"])
@pytest.mark.parametrize(
    "line", ["{id}", "/JPEGImages/{id}.jpg /SegmentationClassAug/{id}.png"], ids=["ids", "paths"]
)
def test_2012_with_sbd(tmp_path, name, line):
    fabricate.voc2012(tmp_path)
    lists = tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation"
    ids = (lists / "trainaug.txt").read_text().split()
    (lists / "trainaug.txt").unlink()
    fabricate.write_text(lists / name, [line.format(id=identifier) for identifier in ids])
    layout = Voc(tmp_path)
    assert [pair.name for pair in layout.pairs("trainaug")] == ids
    assert {pair.label.parent.name for pair in layout.pairs("trainaug")} == {"SegmentationClassAug"}
    assert {pair.label.parent.name for pair in layout.pairs("trainval")} == {"SegmentationClass"}
    assert all(pair.label is None for pair in layout.pairs("test"))


@pytest.mark.parametrize("below", [".", "VOCdevkit"])
def test_the_root_may_be_the_devkit(tmp_path, below):
    fabricate.voc2007(tmp_path)
    assert len(Voc(tmp_path / below, 2007).pairs("train")) == 8


def test_labels_are_indices_and_the_border_is_ignored(tmp_path):
    fabricate.voc2007(tmp_path)
    layout = Voc(tmp_path, 2007)
    seen = set()
    for pair in layout.pairs("train"):
        seen |= set(read_labels(pair.label, layout.labels, layout.label_format).ravel().tolist())
    assert seen == {*range(21), 255}


def test_classes_and_years():
    assert (LABELS.num_classes, LABELS.classes[15], LABELS.classes[20]) == (21, "person", "tvmonitor")
    assert LABELS.colors[15] == (192, 128, 128)
    with pytest.raises(ValueError, match=r"data\.layout\.year=2010: expected 2007 or 2012"):
        Voc(".", 2010)
