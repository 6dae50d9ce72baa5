import copy
from types import SimpleNamespace

import fabricate
import pytest
import torch
from conftest import compose_command

from atrous import build
from atrous.labels import label_set


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


def test_a_config_that_lacks_a_part_is_told(composed):
    config = build.plain(composed("train"))
    del config["inference"]
    with pytest.raises(ValueError, match=r"the checkpoint's config has no inference: it is none that Atrous"):
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


def class_weights_of(cfg):
    layout = build.layout(cfg)
    build.set_class_weights(cfg, build.pairs(cfg, layout, ("train",))["train"], layout)
    return build.module(cfg, layout.labels)


def weights_in(term):
    return term.weights.table[:5].tolist()


def test_a_formula_fills_in_the_class_weights_of_every_loss_that_takes_them(composed, tmp_path, capsys):
    options = (
        "class_weights=median_frequency",
        f"paths.cache={tmp_path / 'cache'}",
        "loss=[ohem,dice,focal]",
    )
    cfg = composed("train", *options)
    losses = class_weights_of(cfg).losses
    values = list(cfg.class_weights["values"])
    assert weights_in(losses["ohem"]) == weights_in(losses["focal"]) == pytest.approx(values)
    assert min(values) < 0.5  # the ground
    assert sorted(values)[2] == 1  # the median of five classes
    assert "counting the classes in 12 label files" in capsys.readouterr().out
    assert build.plain(cfg)["class_weights"]["values"] == values

    # A resumed run brings its numbers, and counts nothing.
    again = composed("train", *options, "class_weights.values=[1,2,3,4,5]", f"paths.cache={tmp_path / 'no'}")
    assert weights_in(class_weights_of(again).losses["ohem"]) == [1, 2, 3, 4, 5]
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "no").exists()


def test_a_loss_may_have_a_list_of_its_own(composed):
    own = "loss.cross_entropy.loss.class_weights=[1,2,3,4,5]"
    cfg = composed("train", "loss=[cross_entropy,focal]", own, "class_weights=inverse_log")
    losses = class_weights_of(cfg).losses
    assert weights_in(losses["cross_entropy"]) == [1, 2, 3, 4, 5]
    assert weights_in(losses["focal"]) == pytest.approx(list(cfg.class_weights["values"]))
    plain = class_weights_of(composed("train", own))
    assert weights_in(plain.losses["cross_entropy"]) == [1, 2, 3, 4, 5]
    listed = class_weights_of(composed("train", "class_weights.values=[5,4,3,2,1]"))
    assert weights_in(listed.losses["cross_entropy"]) == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("options", [["loss=dice"], ["loss.cross_entropy.loss.class_weights=[1,1,1,1,1]"]])
def test_class_weights_that_no_loss_takes_are_told(composed, options):
    for chosen in ("class_weights=inverse_log", "class_weights.values=[1,2,3,4,5]"):
        with pytest.raises(ValueError, match="class_weights are chosen, but no loss takes them"):
            class_weights_of(composed("train", chosen, *options))


def test_the_number_of_class_weights_is_checked(composed):
    with pytest.raises(ValueError, match="class_weights has 2 entries; expected 5, one a class"):
        class_weights_of(composed("train", "class_weights.values=[1,2]"))


def test_mixing_needs_crops_of_one_size(composed):
    cfg = composed("train", "mix=classmix")
    cfg.augment = None  # as an experiment may have it
    layout = build.layout(cfg)
    with pytest.raises(ValueError, match="mix pastes between crops of one size: choose an augment"):
        build.data(cfg, build.pairs(cfg, layout, ("train",)), layout)


def test_evaluation_is_neither_sampled_nor_mixed(composed):
    cfg = composed("train", "mix=copy_paste", "sampling=class_uniform", "sampling.share=7")  # both wrong
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("val",)), layout)
    assert data.val_dataloader().dataset.mix is None
    assert [batch["names"] for batch in data.val_dataloader()] == [[f"000{index}"] for index in range(5)]


@pytest.mark.parametrize("looks", ["gradient_clip_val=1", "on_bad_step=skip"])
def test_a_fused_optimizer_scales_back_too_late(looks, composed):
    """Where a step is left out, nobody has looked for infinite gradients, and torch's scaler then stops."""
    options = ("trainer.precision=16-mixed", f"trainer.{looks}")
    with pytest.raises(ValueError, match=r"a fused optimizer takes .* set optimizer.algorithm.fused=false"):
        build.training(composed("train", *options), label_set("two", ["a", "b"]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("trainer=fsdp", "trainer.compile=true"), "trainer.compile=true with trainer=fsdp"),
        (("trainer=fsdp", "trainer.precision=16-mixed"), "expected 32-true or bf16-mixed"),
        (("trainer=ddp", "trainer.strategy=fsdp"), "choose trainer=fsdp"),
    ],
)
def test_what_a_spread_network_does_not_go_with(options, said, composed):
    with pytest.raises(ValueError, match=said):
        build.training(composed("train", *options), label_set("two", ["a", "b"]))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_the_optimizer_of_a_run_before_fused_goes_on(optimizer, composed):
    def stepped(fused, state=None, weights=None):
        torch.manual_seed(0)
        net = torch.nn.Conv2d(3, 4, 3)
        if weights:
            net.load_state_dict(weights)
        options = (f"optimizer={optimizer}", f"optimizer.algorithm.fused={fused}")
        made = build.make(composed("train", *options).optimizer)(net)
        if state:
            made.load_state_dict(copy.deepcopy(state))
        for _ in range(2):
            made.zero_grad()
            net(torch.ones(1, 3, 3, 3)).square().sum().backward()
            made.step()
        return made.state_dict(), net.state_dict()

    before = stepped("false")
    expected, found = stepped("false", *before)[1], stepped("true", *before)[1]
    assert all(torch.allclose(found[key], value, atol=1e-6) for key, value in expected.items())


@pytest.fixture
def older(composed, monkeypatch):
    """Resumes, with options, a run from before there were a cache and colours on the device."""
    config = build.plain(composed("train", "augment.photometric.transforms=[]"))
    for option in ("cache", "cache_dir"):
        del config["data"][option]
    for option in ("device", "colors", "jitter"):
        del config["augment"][option]
    del config["trainer"]["compile"]
    monkeypatch.setattr("atrous.checkpoint.read", lambda path: SimpleNamespace(config=config, step=1))
    return lambda *options: build.going_on(composed("train", "resume=x.ckpt", *options))[0]


def data_of(cfg):
    layout = build.layout(cfg)
    return build.data(cfg, build.pairs(cfg, layout, ("train",)), layout)


def test_an_older_run_goes_on_as_it_was_or_with_a_cache(older, tmp_path):
    data = data_of(older())
    assert (type(data.read).__name__, data.jitter) == ("Files", None)
    run = older("data.cache=disk", f"data.cache_dir={tmp_path}", "trainer.compile=true")
    assert type(data_of(run).read).__name__ == "Cached"
    assert run.trainer.compile is True
    with pytest.raises(ValueError, match=r"data\.cache_dir=None: name a folder"):
        data_of(older("data.cache=disk"))
    with pytest.raises(
        ValueError, match=r"its run has no augment\.device, so augment\.device=true cannot be"
    ):
        older("augment.device=true")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["augment.device=cuda"], "augment.device=cuda: expected true or false"),
        (["augment.device=off"], "augment.device=off: expected true or false"),
        (["augment=geometric", "+augment.device=true"], "augment.device=true: this augment has no jitter"),
        (
            ["augment.device=true", "augment.colors.hue=0.1"],
            "augment.colors.hue=0.1: on the device, expected",
        ),
        (["augment.device=true", "augment.colors.hue=[1,0]"], r"augment.colors.hue=\[1, 0\]: on the device"),
        (["augment.device=true", "augment.colors.probability=2"], "augment.colors.probability=2: expected"),
        (["data.cache=disk", "data.cache_dir=null"], "data.cache_dir=None: name a folder"),
        (["data.num_workers=many"], "data.num_workers=many: expected a whole number, 0 or more"),
    ],
)
def test_wrong_options_of_reading_and_augmenting_are_told(composed, options, message):
    with pytest.raises(ValueError, match=message):
        data_of(composed("train", *options))
