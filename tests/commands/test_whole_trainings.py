"""Slow: trainings as a newcomer runs them, with the score that they must reach."""

import json

import pytest


@pytest.fixture
def command(fresh_command):
    """As a newcomer starts it."""
    return fresh_command


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize(
    "options", [("trainer.max_steps=160",), ("experiment=synthetic_eomt", "trainer.max_steps=150")]
)
def test_synthetic_scenes_are_learnt(command, options):
    printed = command.succeed(
        "train.py", "hydra.run.dir=run", f"data.root={command.folder}", *options, timeout=900
    )
    scores = json.loads((command.folder / "run" / "validation" / "scores.json").read_text())
    assert scores["miou"] >= 0.80
    assert f"mIoU {100 * scores['miou']:.2f} %" in printed
    assert len(list((command.folder / "run" / "pictures").glob("*.png"))) == 4


@pytest.mark.slow
@pytest.mark.faults
def test_camvid_learns_more_than_the_mean_picture(command, real_data):
    """40 steps are far beyond copying each pixel's most frequent training class, which gives 17.0 mIoU on
    test."""
    command.env["ATROUS_DATA"] = str(real_data)
    command.env.pop("OMP_NUM_THREADS")
    options = (
        "experiment=camvid_cpu",
        "trainer.max_steps=40",
        "scheduler.warmup_steps=5",
        "data.limits.val=8",
        "hydra.run.dir=run",
    )
    command.succeed("train.py", *options, timeout=900)
    command.succeed("evaluate.py", "checkpoint=run/last.ckpt", "split=test", timeout=900)
    scores = json.loads((command.folder / "run" / "evaluate-test-last" / "scores.json").read_text())
    assert scores["num_pictures"] == 233
    assert scores["num_pixels"] > 0.9 * 233 * 360 * 480
    assert scores["miou"] > 0.25
