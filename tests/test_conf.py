"""Every choice in conf/ builds and steps once, by existing."""

import fabricate
import pytest
import torch
from conftest import compose_command

from atrous.cli import config_folder
from atrous.commands.train import train

GROUPS = (
    "augment",
    "callbacks",
    "class_weights",
    "data",
    "debug",
    "inference",
    "logger",
    "loss",
    "mix",
    "model",
    "optimizer",
    "sampling",
    "scheduler",
    "trainer",
)
CHOICES = [
    (group, path.stem)
    for group in GROUPS
    for path in sorted((config_folder() / group).glob("*.yaml"))
    if not path.stem.startswith("_")
]
NEEDS = {
    ("mix", "copy_paste"): ["mix.classes=[ring]"],
    ("inference", "slide"): ["inference.window=[48,48]", "inference.stride=[32,32]"],
}


def test_every_group_is_tested():
    folders = {path.name for path in config_folder().iterdir() if path.is_dir()}
    assert folders == {*GROUPS, "experiment", "paths"}


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_choice(group, choice, composed, tmp_path, monkeypatch):
    if choice == "gpu" and not torch.cuda.is_available():
        pytest.skip("no GPU here")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    options = [f"{group}={choice}", *NEEDS.get((group, choice), [])]
    if group == "data":
        cfg = with_data(choice, tmp_path, *options)
    else:
        extra = ["trainer.devices=1"] if choice == "ddp" else []
        lengths = [] if group == "debug" else ["trainer.max_steps=1"]
        cfg = composed("train", "callbacks=fixed_schedule", *options, *extra, *lengths)
    try:
        objective = train(cfg)
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    assert 0 <= objective <= 1
    assert (tmp_path / "last.ckpt").is_file()


def with_data(layout, output, *options):
    """The config with a fabricated data set of ``layout`` in the place of the real one, and one step."""
    root = output / "data" / layout
    made = getattr(fabricate, layout)(root)
    small = ["data.batch_size=2", "data.num_workers=0", "data.crop_size=[48,48]", "trainer.accelerator=cpu"]
    return compose_command(
        "train", [*options, *made, f"data.root={root}", *small, "trainer.max_steps=1"], output
    )


EXPERIMENTS = [path.stem for path in sorted((config_folder() / "experiment").glob("*.yaml"))]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_experiment(experiment, tmp_path):
    """With fabricated data in the place of the real ones, random weights, and one step."""
    probe = compose_command("train", [f"experiment={experiment}"], tmp_path)
    layout = probe.data.layout["_target_"].split(".")[-2]
    cfg = with_data(layout, tmp_path, f"experiment={experiment}", "model.encoder_weights=null", "debug=fast")
    assert 0 <= train(cfg) <= 1
