"""Every choice in conf/ builds and steps once, by existing."""

import fabricate
import pytest
import torch
from hydra.core.hydra_config import HydraConfig

from atrous.cli import config_folder
from atrous.commands.train import train

GROUPS = ("augment", "callbacks", "data", "debug", "inference", "logger", "loss", "model", "optimizer", "scheduler", "trainer")
CHOICES = [
    (group, path.stem)
    for group in GROUPS
    for path in sorted((config_folder() / group).glob("*.yaml"))
    if not path.stem.startswith("_")
]
NEEDS = {
    ("inference", "slide"): ["inference.window=[48,48]", "inference.stride=[32,32]"],
    ("augment", "null"): [],
    ("loss", "ohem"): [],
    ("scheduler", "one_cycle"): [],
}


def test_every_group_is_tested():
    folders = {path.name for path in config_folder().iterdir() if path.is_dir()}
    assert folders == {*GROUPS, "experiment", "paths"}


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_choice(group, choice, composed, tmp_path, monkeypatch):
    if choice == "gpu" and not torch.cuda.is_available():
        pytest.skip("no GPU here")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    options = [f"{group}={choice}", *NEEDS.get((group, choice), [])]
    if group == "data":
        root = tmp_path / "root"
        made = getattr(fabricate, choice)(root)
        cfg = composed("train", *made, f"data.root={root}", *options) if choice == "synthetic" else None
        if cfg is None:
            cfg = plain(composed, root, *options, *made)
    else:
        extra = ["trainer.devices=1"] if choice == "ddp" else []
        lengths = [] if group == "debug" else ["trainer.max_steps=1"]
        cfg = composed("train", "callbacks=fixed_schedule", *options, *extra, *lengths)
    objective = train(cfg)
    assert 0 <= objective <= 1
    assert (tmp_path / "last.ckpt").is_file()


def plain(composed, root, *options):
    """A data set whose layout has none of the synthetic one's options."""
    from conftest import compose_command

    cfg = compose_command(
        "train",
        [*options, f"data.root={root}", "data.batch_size=2", "data.num_workers=0", "trainer.max_steps=1",
         "data.crop_size=[32,32]", "trainer.accelerator=cpu"],
        root.parent,
    )
    assert HydraConfig.get().runtime.choices.data != "synthetic"
    return cfg


EXPERIMENTS = [path.stem for path in sorted((config_folder() / "experiment").glob("*.yaml"))]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_experiment(experiment, tmp_path):
    """With fabricated data in the place of the real ones, random weights, and one step."""
    from conftest import compose_command

    probe = compose_command("train", [f"experiment={experiment}"], tmp_path)
    layout = probe.data.layout["_target_"].split(".")[-2]
    root = tmp_path / "data" / layout
    made = getattr(fabricate, layout)(root)
    options = [f"experiment={experiment}", *made, f"data.root={root}", "data.batch_size=2", "data.num_workers=0",
               "data.crop_size=[48,48]", "model.encoder_weights=null", "debug=fast", "trainer.max_steps=1"]
    assert 0 <= train(compose_command("train", options, tmp_path)) <= 1
