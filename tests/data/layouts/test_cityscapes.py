import fabricate
import numpy as np
import pytest

from atrous.data.layouts.cityscapes import LABEL_SETS, Cityscapes
from atrous.data.layouts.pairs import Unmatched
from atrous.data.reading import read_labels


def test_native_tree(tmp_path):
    fabricate.cityscapes(tmp_path)
    layout = Cityscapes(tmp_path)
    assert [len(layout.pairs(split)) for split in ("train", "val", "trainval", "test")] == [8, 3, 11, 2]
    pair = layout.pairs("val")[0]
    assert pair.name == "aachen_000000_000019"
    assert pair.image.parts[-4:] == ("leftImg8bit", "val", "aachen", "aachen_000000_000019_leftImg8bit.png")
    assert pair.label.name == "aachen_000000_000019_gtFine_labelIds.png"
    assert all(pair.label is None for pair in layout.pairs("test"))


def write_lists(root, folder, picked=2, labels="gtFine_labelIds"):
    folder.mkdir()
    for split in ("train", "val", "test"):
        pairs = Cityscapes(root).pairs(split)[:picked]
        lines = [
            f"{pair.image.relative_to(root)}\t"
            + (f"{pair.label.relative_to(root)}" if pair.label else "").replace("gtFine_labelIds", labels)
            for pair in pairs
        ]
        fabricate.write_text(folder / f"{split}.lst", lines)


@pytest.mark.parametrize("absolute", [False, True])
def test_lists_choose_from_the_tree(tmp_path, absolute):
    root = tmp_path / "cityscapes"
    fabricate.cityscapes(root)
    write_lists(root, root / "list")
    layout = Cityscapes(root, lists=str(root / "list") if absolute else "list")
    for split in ("train", "val", "test"):
        assert layout.pairs(split) == Cityscapes(root).pairs(split)[:2]
    assert len(layout.pairs("trainval")) == 4


def test_lists_of_train_ids_are_refused(tmp_path):
    fabricate.cityscapes(tmp_path)
    write_lists(tmp_path, tmp_path / "list", labels="gtFine_labelTrainIds")
    for label in (tmp_path / "gtFine").rglob("*_labelIds.png"):
        label.rename(str(label).replace("labelIds", "labelTrainIds"))
    with pytest.raises(ValueError, match=r"_gtFine_labelTrainIds\.png: the list names labels other than raw"):
        Cityscapes(tmp_path, lists="list").pairs("train")


def test_unknown_label_set(tmp_path):
    with pytest.raises(ValueError, match=r"num_classes=21: Cityscapes has the label sets 19, 20 and 34"):
        Cityscapes(tmp_path, num_classes=21)


@pytest.mark.parametrize(
    ("num_classes", "expected"),
    [
        (19, {0: 255, 1: 255, 3: 255, 7: 0, 8: 1, 11: 2, 13: 4, 19: 6, 24: 11, 33: 18, 255: 255}),
        (20, {0: 19, 1: 19, 3: 19, 7: 0, 8: 1, 11: 2, 13: 4, 19: 6, 24: 11, 33: 18, 255: 19}),
        (34, {0: 0, 1: 1, 3: 3, 7: 7, 8: 8, 11: 11, 13: 13, 19: 19, 24: 24, 33: 33, 255: 255}),
    ],
)
def test_label_sets_on_the_fabricated_tree(tmp_path, num_classes, expected):
    fabricate.cityscapes(tmp_path)
    layout = Cityscapes(tmp_path, num_classes)
    assert layout.labels.num_classes == num_classes
    raw_of, seen = Cityscapes(tmp_path, 34), {}
    for pair in layout.pairs("train"):
        raw = read_labels(pair.label, raw_of.labels)
        mapped = read_labels(pair.label, layout.labels, layout.label_format)
        seen |= dict(zip(raw.ravel().tolist(), mapped.ravel().tolist(), strict=True))
    assert {raw: seen[raw] for raw in expected} == expected


def test_label_sets_on_a_real_frame(real_data):
    root = real_data / "samples" / "cityscapes_small"
    (pair,) = Cityscapes(root).pairs("val")
    assert pair.name == "frankfurt_000000_000294"
    by_size = {size: read_labels(pair.label, labels) for size, labels in LABEL_SETS.items()}
    ignored = by_size[19] == 255
    assert 0 < ignored.mean() < 0.2
    assert (by_size[20] == np.where(ignored, LABEL_SETS[20].classes.index("misc"), by_size[19])).all()
    assert (LABEL_SETS[19].raw_table[by_size[34]] == by_size[19]).all()


def test_what_either_split_of_trainval_lacks_is_told(tmp_path):
    fabricate.cityscapes(tmp_path)
    layout = Cityscapes(tmp_path)
    lacking = [layout.pairs(split)[0] for split in ("train", "val")]
    whole = len(layout.pairs("trainval")) - 2
    for pair in lacking:
        pair.label.unlink()
    with pytest.raises(Unmatched, match=str(lacking[0].image)) as told:
        layout.pairs("trainval")
    assert told.value.without_label == [pair.image for pair in lacking]
    assert len(told.value.pairs) == whole
