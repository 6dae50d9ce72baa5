"""ADE20K and COCO-Stuff: label files whose values are not the class indices."""

import fabricate
import numpy as np

from atrous.data.layouts.ade20k import LABELS as ADE_LABELS
from atrous.data.layouts.ade20k import Ade20k
from atrous.data.layouts.coco_stuff import LABELS as COCO_LABELS
from atrous.data.layouts.coco_stuff import CocoStuff
from atrous.data.reading import read_labels


def read_all(layout, split):
    """Every label of a split, one after the other."""
    pairs = layout.pairs(split)
    return np.concatenate(
        [read_labels(pair.label, layout.labels, layout.label_format).ravel() for pair in pairs]
    )


def test_ade20k(tmp_path):
    fabricate.ade20k(tmp_path)
    layout = Ade20k(tmp_path)
    assert [len(layout.pairs(split)) for split in ("train", "val")] == [8, 3]
    assert layout.pairs("val")[0].label.parts[-3:] == ("annotations", "validation", "ADE_val_00000001.png")
    seen = set(read_all(layout, "train").tolist())
    assert seen <= {*range(150), 255}
    assert Ade20k(tmp_path / "ADEChallengeData2016").pairs("val") == layout.pairs("val")


def test_ade20k_names():
    """Spot checks against objectInfo150.txt: number, first synonym."""
    assert ADE_LABELS.num_classes == 150
    for number, name in ((1, "wall"), (13, "person"), (90, "television"), (131, "screen"), (150, "flag")):
        assert ADE_LABELS.classes[ADE_LABELS.raw_ids[number]] == name
    assert ADE_LABELS.raw_ids[0] == 255
    assert all(ADE_LABELS.raw_ids[number] == number - 1 for number in range(1, 151))


def test_coco_stuff(tmp_path):
    fabricate.coco_stuff(tmp_path)
    layout = CocoStuff(tmp_path)
    assert [len(layout.pairs(split)) for split in ("train", "val")] == [8, 3]
    names = {index: name for index, name in enumerate(layout.labels.classes)} | {255: "ignored"}
    seen = {names[index] for index in read_all(layout, "train").tolist()}
    assert seen == {"person", "stop sign", "toothbrush", "wood", "ignored"}


def test_coco_stuff_names():
    """Spot checks against labels.txt: number there less 1, name."""
    assert COCO_LABELS.num_classes == 171
    for raw, name in ((0, "person"), (12, "stop sign"), (89, "toothbrush"), (91, "banner"), (168, "tree")):
        assert COCO_LABELS.classes[COCO_LABELS.raw_ids[raw]] == name
    assert sorted(set(range(182)) - set(COCO_LABELS.raw_ids)) == [11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90]
