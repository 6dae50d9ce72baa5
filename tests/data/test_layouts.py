import fabricate
import pytest
from fabricate import write_pair

from atrous.data.layouts.camvid import CamVid
from atrous.data.layouts.cityscapes import Cityscapes
from atrous.data.layouts.folder import Folder
from atrous.data.layouts.synthetic import Synthetic
from atrous.labels import label_set

MINE = label_set("mine", ["ground", "left", "right"])


def test_camvid_pairs_by_name_whatever_the_suffix(tmp_path):
    fabricate.camvid(tmp_path)
    first = next((tmp_path / "train").iterdir())
    first.rename(first.with_suffix(".webp"))
    pairs = CamVid(tmp_path).pairs("train")
    assert [pair.name for pair in pairs] == [f"0001TP_{index:06d}" for index in range(8)]
    assert all(pair.image.stem == pair.label.stem for pair in pairs)
    assert {pair.label.parent.name for pair in pairs} == {"trainannot"}


def test_camvid_training_labels_in_the_root(tmp_path):
    fabricate.camvid(tmp_path)
    for label in (tmp_path / "trainannot").iterdir():
        label.rename(tmp_path / label.name)
    (tmp_path / "trainannot").rmdir()
    assert {pair.label.parent for pair in CamVid(tmp_path).pairs("train")} == {tmp_path}


def test_the_real_camvid(real_data):
    layout = CamVid(real_data / "camvid")
    assert [len(layout.pairs(split)) for split in ("train", "val", "test")] == [367, 101, 233]


def test_cityscapes_native_tree(tmp_path):
    fabricate.cityscapes(tmp_path)
    layout = Cityscapes(tmp_path)
    assert [len(layout.pairs(split)) for split in ("train", "val", "trainval", "test")] == [8, 3, 11, 2]
    pair = layout.pairs("val")[0]
    assert pair.name == "aachen_000000_000019"
    assert pair.image.parts[-4:] == ("leftImg8bit", "val", "aachen", "aachen_000000_000019_leftImg8bit.png")
    assert pair.label.name == "aachen_000000_000019_gtFine_labelIds.png"
    assert all(pair.label is None for pair in layout.pairs("test"))


def test_a_real_cityscapes_frame(real_data):
    pairs = Cityscapes(real_data / "samples" / "cityscapes_small").pairs("val")
    assert [pair.name for pair in pairs] == ["frankfurt_000000_000294"]


def test_synthetic_scenes_are_the_same_everywhere(tmp_path):
    counts = {"train": 2, "val": 1, "test": 1}
    one, other = (Synthetic(tmp_path / name, counts, size=32).pairs("train") for name in ("one", "other"))
    for a, b in zip(one, other, strict=True):
        assert a.image.read_bytes() == b.image.read_bytes()
        assert a.label.read_bytes() == b.label.read_bytes()
    assert one[0].image.read_bytes() != one[1].image.read_bytes()
    fewer = Synthetic(tmp_path / "one", {**counts, "train": 1}, size=32).pairs("train")
    assert fewer == one[:1]


def test_endings_that_names_do_not_share(tmp_path):
    write_pair(tmp_path / "p/val/a_rgb.png", tmp_path / "m/val/a_mask.png", [0, 1, 2], 0)
    layout = Folder(tmp_path, MINE, "p/{split}", "m/{split}", image_ending="_rgb", label_ending="_mask")
    assert [pair.name for pair in layout.pairs("val")] == ["a"]


def test_missing_root_shows_the_tree(tmp_path):
    for layout, part in ((CamVid, "trainannot/0001TP"), (Cityscapes, "leftImg8bit/{train,val,test}/<city>")):
        with pytest.raises(ValueError, match="no such folder") as told:
            layout(tmp_path / "nowhere")
        assert f"data.root={tmp_path / 'nowhere'}" in str(told.value)
        assert part in str(told.value)
        assert "https://" in str(told.value)


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_half_a_pair_is_named(tmp_path, kind):
    fabricate.folder(tmp_path)
    (tmp_path / kind / "train" / "picture3.png").unlink()
    (tmp_path / kind / "train" / "picture5.png").unlink()
    left, message = {
        "images": ("labels", "label without picture"),
        "labels": ("images", "picture without label"),
    }[kind]
    with pytest.raises(ValueError, match=message) as told:
        Folder(tmp_path, MINE).pairs("train")
    assert str(tmp_path / left / "train" / "picture3.png") in str(told.value)
    assert "(and 1 more)" in str(told.value)


def test_two_pictures_of_one_name(tmp_path):
    fabricate.folder(tmp_path)
    twin = tmp_path / "images" / "val" / "picture0.jpg"
    twin.write_bytes(b"")
    with pytest.raises(ValueError, match=r"picture0\.png: same name as picture0\.jpg"):
        Folder(tmp_path, MINE).pairs("val")


def test_unknown_splits_and_label_sets(tmp_path):
    fabricate.camvid(tmp_path)
    with pytest.raises(
        ValueError, match="split 'dev': CamVid has no such split; choose one of train, val, test"
    ):
        CamVid(tmp_path).pairs("dev")
    with pytest.raises(ValueError, match=r"num_classes=21: Cityscapes has the label sets 19, 20 and 34"):
        Cityscapes(tmp_path, num_classes=21)
