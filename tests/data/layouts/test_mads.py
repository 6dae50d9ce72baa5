import fabricate
import numpy as np
import pytest
from PIL import Image

from atrous.data.layouts.mads import Mads
from atrous.data.reading import read_labels

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


@pytest.mark.parametrize("below", [".", "segmentation_full_body_mads_dataset_1192_img"])
def test_the_tree_without_splits_is_divided_by_a_seed(tmp_path, below):
    fabricate.mads(tmp_path)
    layout = Mads(tmp_path / below, SHARES)
    parts = {split: layout.pairs(split) for split in SHARES}
    assert [len(pairs) for pairs in parts.values()] == [16, 2, 2]
    assert len({pair.name for pairs in parts.values() for pair in pairs}) == 20
    assert Mads(tmp_path, SHARES, split_seed=1).pairs("val") != parts["val"]


def test_the_divided_tree(tmp_path):
    fabricate.mads_divided(tmp_path)
    layout = Mads(tmp_path, SHARES)
    assert [len(layout.pairs(split)) for split in SHARES] == [8, 3, 3]
    pair = layout.pairs("val")[0]
    assert (pair.image.parent.name, pair.label.parent.name) == ("Val_Images", "Val_Masks")


def test_smooth_masks_are_cut_at_127(tmp_path):
    fabricate.mads_divided(tmp_path)
    layout = Mads(tmp_path, SHARES)
    label = layout.pairs("train")[0].label
    grey = np.array(Image.open(label).convert("L"))
    assert len(np.unique(grey)) > 2
    assert (read_labels(label, layout.labels, layout.label_format) == (grey > 127)).all()
