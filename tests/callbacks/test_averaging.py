import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel

import atrous
from atrous import checkpoint
from atrous.callbacks.averaging import Averaging, decay_after, moving
from atrous.checkpoint import AtomicCheckpointIO
from atrous.commands.evaluate import evaluate
from atrous.commands.export import export
from atrous.commands.export_weights import export_weights
from atrous.commands.train import train
from atrous.exporting.to_torch import TorchScript
from atrous.run_folder import read_values

SMALL = ("model=unet_paper", "model.net.width=2", "model.net.batch_norm=true")
OPTIONS = (
    *SMALL,
    "callbacks=[ema,early_stopping]",
    "callbacks.ema.decay=0.5",
    "callbacks.pictures=null",
    "trainer.max_steps=4",
    "trainer.val_check_interval=4",  # every second step
    "trainer.accumulate_grad_batches=2",
    "callbacks.early_stopping.min_delta=0.9",
)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=12), st.floats(0, 0.999), st.booleans())
def test_the_average_is_the_weighted_sum_of_all_steps(values, decay, warmup):
    """In closed form: step k weighs (1 - d_k), times the decays of all steps after it."""
    net = nn.Linear(1, 1, bias=False).double()
    averaged = AveragedModel(net, use_buffers=True)
    decays = [0.0, *(decay_after(number, decay, warmup) for number in range(1, len(values)))]
    for number, value in enumerate(values):
        net.weight.data.fill_(value)
        averaged.multi_avg_fn = moving(decay_after(number, decay, warmup))
        averaged.update_parameters(net)
    weights = [
        (1 - own) * float(torch.tensor(decays[k + 1 :]).double().prod()) for k, own in enumerate(decays)
    ]
    assert sum(weights) == pytest.approx(1)
    expected = sum(weight * value for weight, value in zip(weights, values, strict=True))
    assert averaged.module.weight.item() == pytest.approx(
        expected, rel=1e-6, abs=1e-5
    )  # torch's lerp takes a float32


def test_whole_numbers_are_taken_over():
    net = nn.Linear(1, 1)
    net.register_buffer("index", torch.arange(1000))
    averaged = AveragedModel(net, use_buffers=True)
    for number in range(100):  # (1 + 80) / (10 + 80) would make a 2 of a 3
        averaged.multi_avg_fn = moving(decay_after(number, 0.999, True))
        averaged.update_parameters(net)
    assert torch.equal(averaged.module.index, net.index)
    net.index += 1
    averaged.update_parameters(net)
    assert torch.equal(averaged.module.index, net.index)


def test_the_decay_warms_up():
    assert [decay_after(number, 0.5, True) for number in (1, 8, 100)] == [2 / 11, 0.5, 0.5]
    assert decay_after(1, 0.5, False) == 0.5


@pytest.mark.parametrize("wrong", [1, -0.1, "half", True, None])
def test_a_decay_that_is_none_is_told(wrong):
    with pytest.raises(ValueError, match=r"callbacks\.ema\.decay=.*: expected a share from 0 to below 1"):
        Averaging(decay=wrong)


@pytest.fixture
def steps(monkeypatch):
    """The network's state after each optimizer step: what is to be averaged."""
    seen = []
    update = AveragedModel.update_parameters

    def keep(self, net):
        seen.append({name: value.clone() for name, value in net.state_dict().items()})
        update(self, net)

    monkeypatch.setattr(AveragedModel, "update_parameters", keep)
    return seen


def test_both_are_evaluated_kept_and_resumed(composed, tmp_path, monkeypatch, steps):
    copies = []
    save = AtomicCheckpointIO.save_checkpoint

    def save_and_copy(self, contents, path, storage_options=None):
        save(self, contents, path, storage_options)
        if path.name == "last.ckpt":
            copies.append(tmp_path / f"copy-{len(copies)}")
            copies[-1].mkdir()
            shutil.copy(path, copies[-1] / "last.ckpt")
            shutil.copy(path.with_name("values.jsonl"), copies[-1])

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", save_and_copy)
    whole = tmp_path / "whole"
    whole.mkdir()
    score = train(composed("train", *OPTIONS, output=whole))
    half, end = copies[0], whole / "last.ckpt"

    # updated after optimizer steps alone; batch norm's running statistics are averaged, too
    assert len(steps) == 4
    data = checkpoint.load(end)
    for name in ("net.encoder.0.0.weight", "net.encoder.0.1.running_mean"):
        assert f"net.{name}" in data["averaged"]["weights"]
    for name, value in data["averaged"]["weights"].items():
        averaged = [step[name.removeprefix("net.")].double() for step in steps]
        expected = averaged[0]
        for number, step in enumerate(averaged[1:], start=1):
            decay = min(0.5, (1 + number) / (10 + number))
            expected = decay * expected + (1 - decay) * step
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected, atol=1e-5, rtol=1e-4)

    # logged under its own name, which the objective and best.ckpt go by
    logged = read_values(whole)[-1]
    assert score == pytest.approx(logged["val_ema/miou"])
    assert "val_ema/iou/ground" in logged
    assert "val/miou" in logged

    # the run that goes on from the middle ends with the same bits, stopping included
    assert train(composed("train", *OPTIONS, "resume=auto", output=half)) == score
    resumed = checkpoint.load(half / "last.ckpt")
    assert resumed["averaged"]["num_updates"] == data["averaged"]["num_updates"] == 4
    for name, value in data["averaged"]["weights"].items():
        assert torch.equal(value, resumed["averaged"]["weights"][name]), name
    assert data["callbacks"]["EarlyStopping"] == resumed["callbacks"]["EarlyStopping"]

    # evaluate scores what the training scored, either way
    for weights, name in ((None, "val_ema/miou"), ("ema", "val_ema/miou"), ("raw", "val/miou")):
        chosen = [] if weights is None else [f"weights={weights}"]
        folder = tmp_path / f"evaluated-{weights}"
        options = (f"checkpoint={end}", f"output={folder}", "trainer.accelerator=cpu", "pictures=0")
        found = evaluate(composed("evaluate", *options, *chosen, output=folder))
        assert found == pytest.approx(logged[name], abs=1e-7)

    # so do files for other programs, by the same choice
    picture = np.random.default_rng(0).integers(0, 256, (1, 40, 60, 3), dtype=np.uint8)
    found = {}
    for weights in ("raw", "ema"):
        file = tmp_path / f"{weights}.pt"
        options = ("format=torchscript", "repetitions=0", f"weights={weights}")
        export(composed("export", f"checkpoint={end}", f"output={file}", *options))
        said = json.loads(file.with_name(f"{file.name}.parity.json").read_text())
        assert said["checkpoint_weights"] == weights
        labels, found[weights] = TorchScript().load(file, 1)(picture)
        expected = atrous.load(end, device="cpu", weights=weights).predict(picture[0])
        assert np.array_equal(labels[0], expected)
    assert not np.allclose(found["raw"], found["ema"])

    # so do exports, which say what they are, and the three lines of Python
    exported = tmp_path / "a.safetensors"
    export_weights(composed("export_weights", f"checkpoint={end}", f"output={exported}"))
    assert checkpoint.read(exported).weights == "ema"
    with pytest.raises(ValueError, match=r"weights=raw: checkpoint .*a\.safetensors holds ema"):
        checkpoint.read(exported, "raw")
    raw, ema = (atrous.load(end, device="cpu", weights=weights) for weights in ("raw", None))
    name = "net.encoder.0.0.weight"
    assert torch.equal(ema.module.net.state_dict()[name], data["averaged"]["weights"][f"net.{name}"])
    assert not torch.equal(raw.module.net.state_dict()[name], ema.module.net.state_dict()[name])


def test_weights_that_are_not_there_are_told(small_run):
    with pytest.raises(ValueError, match=r"weights=ema: .*last\.ckpt holds raw; .*callbacks=ema keeps both"):
        checkpoint.read(small_run / "last.ckpt", "ema")
    assert checkpoint.read(small_run / "last.ckpt").weights == "raw"
