import fabricate
import pytest

from atrous.data.layouts.cihp import LABELS, Cihp
from atrous.data.layouts.lip import LABELS as LIP_LABELS
from atrous.data.layouts.lip import Lip


@pytest.mark.parametrize("nested", [0, 1, 2])
def test_cihp_is_found_in_the_root_or_below(tmp_path, nested):
    root = tmp_path
    for _ in range(nested):
        root /= "instance-level_human_parsing"
    fabricate.cihp(root.parent if nested else tmp_path)
    layout = Cihp(tmp_path if nested else tmp_path / "instance-level_human_parsing")
    assert [len(layout.pairs(split)) for split in ("train", "val", "test")] == [8, 3, 1]
    pair = layout.pairs("train")[0]
    assert pair.image.parts[-3:] == ("Training", "Images", "0000000.jpg")
    assert pair.label.parts[-3:] == ("Training", "Category_ids", "0000000.png")
    assert layout.pairs("test")[0].label is None


def test_only_listed_pictures_count(tmp_path):
    fabricate.cihp(tmp_path)
    fabricate.write_text(
        tmp_path / "instance-level_human_parsing/Training/train_id.txt", ["0000005", "0000001"]
    )
    assert [pair.name for pair in Cihp(tmp_path).pairs("train")] == ["0000001", "0000005"]


@pytest.mark.parametrize("labels", [LABELS, LIP_LABELS], ids=["cihp", "lip"])
def test_a_flip_swaps_left_and_right(labels):
    swapped = {index: int(other) for index, other in enumerate(labels.mirror_table) if index != other}
    assert swapped == {14: 15, 15: 14, 16: 17, 17: 16, 18: 19, 19: 18}


def test_lip_has_names_of_its_own(tmp_path):
    different = [
        (index, cihp, lip)
        for index, (cihp, lip) in enumerate(zip(LABELS.classes, LIP_LABELS.classes, strict=True))
        if cihp != lip
    ]
    assert different == [(10, "torso-skin", "jumpsuits")]


@pytest.mark.parametrize("doubled", [False, True])
def test_lip(tmp_path, doubled):
    fabricate.lip(tmp_path)
    if doubled:
        for name in ("TrainVal_images", "TrainVal_parsing_annotations"):
            (tmp_path / name).rename(tmp_path / "inner")
            (tmp_path / name).mkdir()
            (tmp_path / "inner").rename(tmp_path / name / name)
    layout = Lip(tmp_path)
    assert [len(layout.pairs(split)) for split in ("train", "val")] == [8, 3]
    pair = layout.pairs("val")[0]
    assert (pair.image.parent.name, pair.label.parent.name) == ("val_images", "val_segmentations")
