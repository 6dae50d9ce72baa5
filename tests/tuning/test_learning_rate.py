import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from atrous.commands.tune import tune
from atrous.tuning.learning_rate import LearningRateRange, smoothed, steepest

SMALL = ("model=unet_paper", "model.net.width=2", "find.num_steps=20", "find.lowest=1e-4")


@given(centre=st.floats(-4, -2), width=st.floats(0.1, 0.4), seed=st.integers(0, 100))
def test_it_is_found_where_the_loss_falls(centre, width, seed):
    """A loss that falls around a known rate, with noise, and diverges a decade above it."""
    decades = np.linspace(-7, 0, 100)
    fall = 1.5 - 1 / (1 + np.exp((centre - decades) / width))
    noise = np.random.default_rng(seed).normal(0, 0.02, 100)
    losses = fall + noise + np.where(decades > centre + 1, 10 ** (decades - centre - 1), 0)
    found = steepest(smoothed(losses, 4))
    assert found is not None
    assert abs(decades[found] - centre) < 0.5


@pytest.mark.parametrize("losses", [[], [1.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
def test_where_it_does_not_fall_there_is_none(losses):
    assert steepest(smoothed(np.array(losses), 1)) is None


def test_the_command_proposes_a_rate(composed, tmp_path, capsys):
    options = ("find=lr", *SMALL, "callbacks=ema", "scheduler.warmup_steps=500")
    tune(composed("tune", *options, "optimizer.encoder_lr_factor=0.1"))
    said = json.loads((tmp_path / "lr.json").read_text())
    assert f"optimizer.lr={said['optimizer.lr']:g}" in capsys.readouterr().out.splitlines()
    assert said["optimizer.lr"] in [float(f"{rate:.2g}") for rate in said["rates"]]
    assert len(said["losses"]) <= 20
    with Image.open(tmp_path / "lr.png") as plot:
        assert plot.width > 300
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lr.json", "lr.png"]


def test_rates_that_teach_nothing_are_told(composed, monkeypatch):
    monkeypatch.setattr("atrous.tuning.learning_rate.steepest", lambda smooth: None)
    low = ("find.lowest=1e-30", "find.highest=1e-29")
    with pytest.raises(ValueError, match=r"does not fall at any rate from 1e-30 to 1e-29.*find\.lowest"):
        tune(composed("tune", "find=lr", "model=unet_paper", "model.net.width=2", "find.num_steps=20", *low))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["find.lowest=0"], "find.lowest=0: expected a rate above 0"),
        (["find.lowest=2"], "find.lowest=2, find.highest=1.0: expected one below the other"),
        (["find.num_steps=3"], "find.num_steps=3: expected 20 steps or more"),
        (["trainer=ddp"], "trainer.devices=2: a value is found on one device"),
        (["resume=last.ckpt"], "resume=last.ckpt: a value is found for a training that begins"),
    ],
)
def test_wrong_input_is_told(options, said, composed):
    with pytest.raises(ValueError, match=said):
        tune(composed("tune", "find=lr", *options))


def test_the_defaults_are_a_search():
    assert len(LearningRateRange().rates) == 100
