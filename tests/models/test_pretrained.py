"""A file of weights is data: what holds more runs only if its maker is trusted, said so."""

import os
import re
from argparse import Namespace

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision
from torch import nn

from atrous import build
from atrous.models.pretrained import load_encoder
from atrous.torch_file import read_plain, read_trusted


class Bite:
    """Unpickling this makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.fixture
def encoder():
    return nn.Conv2d(3, 4, 1)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_runs_only_if_it_is_trusted(tmp_path, encoder, zipped):
    file, bitten = tmp_path / "weights.pth", tmp_path / "bitten"
    state = nn.Conv2d(3, 4, 1).state_dict()
    torch.save({"state_dict": state, "code": Bite(bitten)}, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        ValueError, match=rf"encoder_weights={re.escape(str(file))}: not loaded: it holds \w+\.mkdir,"
    ) as told:
        load_encoder(encoder, file, "mine")
    assert "trust_checkpoint=true would run any code that the file holds" in str(told.value)
    assert not bitten.exists()
    with pytest.warns(
        UserWarning, match="loaded by trust_checkpoint=true, which runs any code that the file"
    ):
        load_encoder(encoder, file, "mine", read=read_trusted)
    assert bitten.exists()
    assert torch.equal(encoder.weight, state["weight"])


@pytest.mark.parametrize("content", ["network", "training"])
def test_what_other_programs_save_loads_if_it_is_trusted(tmp_path, encoder, content):
    saved = nn.Conv2d(3, 4, 1)
    data = saved if content == "network" else {"state_dict": saved.state_dict(), "args": Namespace(lr=1)}
    torch.save(data, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"a\.pth: not loaded: it holds (torch\.nn|argparse\.)"):
        load_encoder(encoder, tmp_path / "a.pth", "mine")
    with pytest.warns(UserWarning, match="which runs any code"):
        load_encoder(encoder, tmp_path / "a.pth", "mine", read=read_trusted)
    assert torch.equal(encoder.weight, saved.weight)


def test_plain_weights_are_loaded_as_data_even_if_they_are_trusted(tmp_path, encoder, recwarn):
    from safetensors.torch import save_file

    state = nn.Conv2d(3, 4, 1).state_dict()
    torch.save(state, tmp_path / "a.pth")
    save_file(state, tmp_path / "a.safetensors")
    for name in ("a.pth", "a.safetensors"):
        nn.init.zeros_(encoder.weight)
        load_encoder(encoder, tmp_path / name, "mine", read=read_trusted)
        assert torch.equal(encoder.weight, state["weight"])
    assert not recwarn.list


def test_a_flipped_bit_of_encoder_weights_is_damage(tmp_path, encoder):
    file = tmp_path / "a.pth"
    torch.save({"weight": torch.full((4, 3, 1, 1), 1.5), "bias": torch.zeros(4)}, file)
    content = bytearray(file.read_bytes())
    content[content.index(torch.full((12,), 1.5).numpy().tobytes())] ^= 1
    file.write_bytes(content)
    for read in (read_plain, read_trusted):
        with pytest.raises(
            ValueError, match=r"a\.pth: not a state dict .* part 'a/data/\d' is not as it was"
        ):
            load_encoder(encoder, file, "mine", read=read)


FOREIGN = {
    "unet": lambda: smp.Unet("resnet18", encoder_weights=None).encoder,
    "deeplabv3plus": lambda: smp.DeepLabV3Plus("resnet18", encoder_weights=None).encoder,
    "deeplabv3_mobilenet_v3": torchvision.models.mobilenet_v3_large,
    "eomt": lambda: timm.create_model("vit_tiny_patch16_224"),
}


@pytest.mark.parametrize("choice", FOREIGN)
def test_every_model_with_encoder_weights_takes_the_option(composed, tmp_path, choice):
    file = tmp_path / "a.pth"
    torch.save({"state_dict": FOREIGN[choice]().state_dict(), "args": Namespace()}, file)
    options = [f"model={choice}", f"model.encoder_weights={file}"]
    if choice == "eomt":
        options.append("model.encoder=vit_tiny_patch16_224")
    labels = build.layout(cfg := composed("train", *options)).labels
    with pytest.raises(ValueError, match=r"a\.pth: not loaded: it holds argparse\.Namespace"):
        build.module(cfg, labels)
    cfg.trust_checkpoint = True
    with pytest.warns(UserWarning, match="which runs any code"):
        build.module(cfg, labels)


def test_a_checkpoint_is_never_trusted_whatever_its_config_says(composed):
    config = build.plain(composed("train", "trust_checkpoint=true"))
    run = build.evaluation_config(config, composed("evaluate"))
    assert "trust_checkpoint" not in run
    with pytest.raises(Exception, match="trust_checkpoint"):
        composed("evaluate", "trust_checkpoint=true")


def test_trust_is_a_yes_or_no(composed):
    with pytest.raises(ValueError, match="trust_checkpoint=maybe: expected true or false"):
        build.require_files(composed("train", "trust_checkpoint=maybe"))
