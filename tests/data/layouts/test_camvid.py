import json

import fabricate
import numpy as np
import pytest
from conftest import compose_command
from PIL import Image

from atrous.commands.evaluate import evaluate
from atrous.commands.train import train
from atrous.data.layouts.camvid import COLORS, LABELS, CamVid, segnet_split
from atrous.data.reading import read_labels

# The reduction as MathWorks' camvidPixelLabelIDs lists it, class by class: the independent source.
REDUCED = {
    "sky": {(128, 128, 128)},
    "building": {(0, 128, 64), (128, 0, 0), (64, 192, 0), (64, 0, 64), (192, 0, 128)},
    "pole": {(192, 192, 128), (0, 0, 64)},
    "road": {(128, 64, 128), (128, 0, 192), (192, 0, 64)},
    "pavement": {(0, 0, 192), (64, 192, 128), (128, 128, 192)},
    "tree": {(128, 128, 0), (192, 192, 0)},
    "signsymbol": {(192, 128, 128), (128, 128, 64), (0, 64, 64)},
    "fence": {(64, 64, 128)},
    "car": {(64, 0, 128), (64, 128, 192), (192, 128, 192), (192, 64, 128), (128, 64, 64)},
    "pedestrian": {(64, 64, 0), (192, 128, 64), (64, 0, 192), (64, 128, 64)},
    "bicyclist": {(0, 128, 192), (192, 0, 192)},
}


def test_pairs_by_name_whatever_the_suffix(tmp_path):
    fabricate.camvid(tmp_path)
    first = next((tmp_path / "train").iterdir())
    first.rename(first.with_suffix(".webp"))
    pairs = CamVid(tmp_path).pairs("train")
    assert [pair.name for pair in pairs] == [f"0001TP_{index:06d}" for index in range(8)]
    assert all(pair.image.stem == pair.label.stem for pair in pairs)
    assert {pair.label.parent.name for pair in pairs} == {"trainannot"}


def test_training_labels_in_the_root(tmp_path):
    fabricate.camvid(tmp_path)
    for label in (tmp_path / "trainannot").iterdir():
        label.rename(tmp_path / label.name)
    (tmp_path / "trainannot").rmdir()
    assert {pair.label.parent for pair in CamVid(tmp_path).pairs("train")} == {tmp_path}


def test_the_32_colors_become_the_11_classes():
    assert {name: set(colors) for name, colors in COLORS.colors.items()} == REDUCED
    assert len(fabricate.CAMVID_COLORS) == len(set(fabricate.CAMVID_COLORS)) == 32
    assert tuple(COLORS.colors) == LABELS.classes


def test_the_original_tree_is_divided_as_segnet_divides_it(tmp_path):
    fabricate.camvid_full(tmp_path)
    layout = CamVid(tmp_path)
    assert [len(layout.pairs(split)) for split in ("train", "val", "test")] == [4, 2, 2]
    pair = layout.pairs("test")[1]
    assert (pair.name, pair.label.name) == ("Seq05VD_f00000", "Seq05VD_f00000_L.png")
    labels = read_labels(pair.label, layout.labels, layout.label_format)
    colors = np.array(Image.open(pair.label))
    for index, name in enumerate(LABELS.classes):
        assert {tuple(color) for color in colors[labels == index].tolist()} <= REDUCED[name]
    assert (labels[(colors == 0).all(-1)] == 255).all()


def test_divided_copies_of_the_original(tmp_path):
    fabricate.camvid_divided(tmp_path)
    layout = CamVid(tmp_path)
    assert [len(layout.pairs(split)) for split in ("train", "val", "test")] == [8, 3, 3]
    pair = layout.pairs("val")[0]
    assert (pair.name, pair.label.name) == ("0001TP_000000", "0001TP_000000_L.png")
    assert layout.label_format == COLORS


def test_a_checkpoint_of_one_form_scores_on_the_other(tmp_path, composed):
    fabricate.camvid(tmp_path / "segnet")
    fabricate.camvid_full(tmp_path / "full")
    small = ["data.crop_size=[48,48]", "data.batch_size=4", "data.num_workers=0", "debug=fast"]
    small += ["model=unet_paper", "model.net.width=2"]
    cpu = "trainer.accelerator=cpu"
    train(
        compose_command("train", ["data=camvid", f"data.root={tmp_path / 'segnet'}", *small, cpu], tmp_path)
    )
    options = [f"checkpoint={tmp_path / 'last.ckpt'}", f"data.root={tmp_path / 'full'}", "split=test", cpu]
    assert 0 <= evaluate(composed("evaluate", *options, output=tmp_path / "scored")) <= 1
    assert json.loads((tmp_path / "scored/scores.json").read_text())["num_pictures"] == 2


def test_the_real_camvid(real_data):
    layout = CamVid(real_data / "camvid")
    assert [len(layout.pairs(split)) for split in ("train", "val", "test")] == [367, 101, 233]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_rule_for_the_split_gives_every_real_frame_its_split(real_data, split):
    names = [pair.name for pair in CamVid(real_data / "camvid").pairs(split)]
    assert {segnet_split(name) for name in names} == {split}


def test_a_file_that_is_no_frame_is_named():
    with pytest.raises(ValueError, match="'picture 3' is no frame of CamVid"):
        segnet_split("picture 3")
