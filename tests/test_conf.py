"""Every choice in conf/ builds and steps once, by existing."""

from pathlib import Path

import fabricate
import pytest
import torch
from conftest import compose_command
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from optuna.pruners import BasePruner

from atrous import build
from atrous.commands.train import train
from atrous.configs import config_folder

GROUPS = (
    "augment",
    "callbacks",
    "class_weights",
    "data",
    "data/label_format",
    "data/source",
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
HYDRAS = ("callbacks", "launcher", "sweeper", "sweeper/pruner")
CHOICES = [
    (group, path.stem)
    for group in GROUPS
    for path in sorted((config_folder() / group).glob("*.yaml"))
    if not path.stem.startswith("_")
]
NEEDS = {
    ("callbacks", "mask_annealing"): ["model=eomt", "model.encoder=vit_tiny_patch16_224"],
    ("mix", "copy_paste"): ["mix.classes=[ring]"],
    ("inference", "slide"): ["inference.window=[48,48]", "inference.stride=[32,32]"],
    ("inference", "slide_tta"): ["inference.window=[48,48]", "inference.stride=[32,32]"],
    ("loss", "mask_classification"): ["model=eomt", "model.encoder=vit_tiny_patch16_224"],
    ("model", "dpt"): ["model.encoder=tu-vit_tiny_patch16_224"],
    ("model", "eomt"): ["model.encoder=vit_tiny_patch16_224"],
    ("model", "unet_paper"): ["model.net.width=8"],
}


SMALL_NET = ["model=unet_paper", "model.net.width=4", "model.net.batch_norm=true"]


def test_every_group_is_tested():
    folders = {str(path.relative_to(config_folder())) for path in config_folder().rglob("*") if path.is_dir()}
    # export_format is evaluate's, format export's, write predict's, find tune's, those of hydra a sweep's:
    # all are tested there
    others = {"experiment", "paths", "export_format", "find", "format", "write", "sweep"}
    assert folders == {*GROUPS, *others, "hydra", *(f"hydra/{part}" for part in HYDRAS)}


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_choice(group, choice, composed, tmp_path, monkeypatch):
    if choice == "gpu" and not torch.cuda.is_available():
        pytest.skip("no GPU here")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    options = [f"{group}={choice}", *NEEDS.get((group, choice), [])]
    if not any(option.startswith("model=") for option in options):
        options += SMALL_NET
    if group == "data":
        cfg = with_data(choice, tmp_path, *options)
    elif group.startswith("data/"):
        cfg = with_data(f"{Path(group).name}_{choice}", tmp_path, "data=folder", *options)
    else:
        extra = ["trainer.devices=1"] if choice in ("ddp", "fsdp") else []
        lengths = [] if group == "debug" else ["trainer.max_steps=1"]
        callbacks = [] if group == "callbacks" else ["callbacks=fixed_schedule"]
        cfg = composed("train", *callbacks, *options, *extra, *lengths)
    try:
        objective = train(cfg)
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    assert 0 <= objective <= 1
    assert (tmp_path / "last.ckpt").is_file()


def with_data(choice, output, *options, steps=1):
    """The config with fabricated data in the native tree of ``choice``, and a few steps."""
    root = output / "data" / choice
    made = getattr(fabricate, choice)(root)
    small = ["data.batch_size=2", "data.num_workers=0", "data.crop_size=[48,48]", "trainer.accelerator=cpu"]
    return compose_command(
        "train", [*options, *made, f"data.root={root}", *small, f"trainer.max_steps={steps}"], output
    )


@pytest.mark.parametrize("choice", sorted(path.stem for path in (config_folder() / "sweep").glob("*.yaml")))
def test_sweep(choice, tmp_path):
    """What each job of it would be composes, whatever else is chosen."""
    others = ["model=unet", "data=camvid", "augment=crop", "optimizer=sgd"]
    compose_command("train", [f"sweep={choice}", *others], tmp_path)
    hydra = HydraConfig.get()
    assert hydra.mode == (None if choice == "grid" else RunMode.MULTIRUN)
    parser = OverridesParser.create()
    ends = [
        f"{key}={first(parser.parse_override(f'{key}={text}'))}" for key, text in hydra.sweeper.params.items()
    ]
    compose_command("train", [f"sweep={choice}", *others, *ends], tmp_path)


PRUNERS = sorted(path.stem for path in (config_folder() / "hydra" / "sweeper" / "pruner").glob("*.yaml"))


@pytest.mark.parametrize("choice", PRUNERS)
def test_pruner(choice, tmp_path):
    given = ["hydra.sweeper.pruner.lower=0.2"] if choice == "threshold" else []
    compose_command("train", ["sweep=optuna", f"hydra/sweeper/pruner={choice}", *given], tmp_path)
    assert isinstance(build.pruner(HydraConfig.get().sweeper.pruner), BasePruner)


def first(override):
    """One of the values that it sweeps over."""
    sweep = override.value()
    return sweep.start if hasattr(sweep, "start") else next(override.sweep_string_iterator())


EXPERIMENTS = [
    path.stem
    for path in sorted((config_folder() / "experiment").glob("*.yaml"))
    if not path.stem.startswith("_")
]


# What takes the place of a large encoder, of the same kind.
SMALLER = {
    "mit_b2": "mit_b0",
    "resnet34": "resnet18",
    "resnet50": "mobilenet_v2",
    "resnet101": "mobilenet_v2",
}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_experiment(experiment, tmp_path):
    """It builds; with fabricated data in their native tree and a smaller network it trains for two steps."""
    whole = compose_command("train", [f"experiment={experiment}"], tmp_path)
    choice = HydraConfig.get().runtime.choices["data"]
    small = ["trainer.precision=32-true"]  # a processor may have to imitate bf16
    if "encoder" in whole.model:
        small.append(f"model.encoder={SMALLER.get(whole.model.encoder, whole.model.encoder)}")
    if "encoder_weights" in whole.model:
        small.append("model.encoder_weights=null")
        whole.model.encoder_weights = None
    if "width" in whole.model.net:
        small.append("model.net.width=4")
    cfg = with_data(choice, tmp_path, f"experiment={experiment}", "debug=fast", *small, steps=2)
    with torch.device(
        "cpu" if "mit_" in str(whole.model.get("encoder")) else "meta"
    ):  # timm asks it for values
        build.module(whole, build.layout(cfg).labels)
    assert 0 <= train(cfg) <= 1
