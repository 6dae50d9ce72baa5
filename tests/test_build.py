import fabricate
import pytest
from conftest import compose_command

from atrous import build


@pytest.mark.parametrize(
    "net",
    [
        {"_target_": "os.system", "command": "true"},
        "${oc.create:{_target_:os.system,command:'true'}}",
        {"_target_": "${oc.decode:'os.system'}", "command": "true"},
    ],
)
def test_a_checkpoint_cannot_smuggle_in_what_it_may_not_build(composed, net):
    config = build.plain(composed("train"))
    build.evaluation_config(config, composed("evaluate"))
    config["model"]["net"] = net
    with pytest.raises(ValueError, match=r"names 'os\.system', which is none of the parts"):
        build.evaluation_config(config, composed("evaluate"))


def test_an_evaluation_changes_where_and_how_but_not_what(composed):
    config = build.plain(composed("train", "model=unet"))
    options = (
        "split=test",
        "data.root=elsewhere",
        "data.num_workers=3",
        "inference=slide",
        "inference.window=[8,8]",
    )
    run = build.evaluation_config(config, composed("evaluate", *options))
    assert run.data.root == run.data.layout.root == "elsewhere"
    assert run.data.num_workers == 3
    assert run.data.splits.test == "test"
    assert run.inference.window == [8, 8]
    assert run.model.net.architecture["_target_"] == "segmentation_models_pytorch.Unet"
    with pytest.raises(Exception, match="Could not override 'model'"):
        composed("evaluate", "model=fpn")


def test_labels_that_a_list_forgets_are_told(tmp_path):
    options = fabricate.source_list(tmp_path)
    lines = (tmp_path / "train.txt").read_text().splitlines()
    lines[3] = lines[3].split()[0]
    fabricate.write_text(tmp_path / "train.txt", lines)
    options = ["data=folder", "data/source=list", f"data.root={tmp_path}", *options]
    cfg = compose_command("train", options, tmp_path)
    with pytest.raises(
        ValueError, match=r"images/train3\.png: no labels, though others of split 'train' have"
    ):
        build.pairs(cfg, build.layout(cfg), ("train", "val"))


def test_small_batches_are_warned_of(composed):
    cfg = composed("train", "data.batch_size=4")
    net = build.module(cfg, build.layout(cfg).labels).net
    with pytest.warns(UserWarning, match="batch norm sees data.batch_size=4 pictures a device"):
        build.warn_of_small_batches(cfg, net)
