"""Slow: trainings as a newcomer runs them, with the score that they must reach."""

import json

import pytest


@pytest.mark.slow
def test_four_pictures_are_learnt_by_heart(command):
    """What debug=overfit is for: pictures and labels that part on their way keep a network from it."""
    small = ("model=unet", "model.encoder=resnet18", "data.layout.size=64", "data.crop_size=[64,64]")
    steps = ("trainer.max_steps=40", "trainer.val_check_interval=40", "trainer.accelerator=cpu")
    command.succeed("train.py", "debug=overfit", "hydra.run.dir=run", "data.num_workers=0", *small, *steps)
    scores = json.loads((command.folder / "run" / "validation" / "scores.json").read_text())
    assert scores["num_pictures"] == 4
    assert scores["miou"] >= 0.95


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize(
    "options", [("trainer.max_steps=160",), ("experiment=synthetic_eomt", "trainer.max_steps=150")]
)
def test_synthetic_scenes_are_learnt(fresh_command, options):
    printed = fresh_command.succeed(
        "train.py", "hydra.run.dir=run", f"data.root={fresh_command.folder}", *options, timeout=900
    )
    scores = json.loads((fresh_command.folder / "run" / "validation" / "scores.json").read_text())
    assert scores["miou"] >= 0.80
    assert f"mIoU {100 * scores['miou']:.2f} %" in printed
    assert len(list((fresh_command.folder / "run" / "pictures").glob("*.png"))) == 4


@pytest.mark.slow
@pytest.mark.faults
def test_camvid_learns_more_than_the_mean_picture(fresh_command, real_data):
    """40 steps are far beyond copying each pixel's most frequent training class, which gives 17.0 mIoU on
    test."""
    fresh_command.env["ATROUS_DATA"] = str(real_data)
    fresh_command.env.pop("OMP_NUM_THREADS")
    options = (
        "experiment=camvid_cpu",
        "trainer.max_steps=40",
        "scheduler.warmup_steps=5",
        "data.limits.val=8",
        "hydra.run.dir=run",
    )
    fresh_command.succeed("train.py", *options, timeout=900)
    fresh_command.succeed("evaluate.py", "checkpoint=run/last.ckpt", "split=test", timeout=900)
    scores = json.loads((fresh_command.folder / "run" / "evaluate-test-last" / "scores.json").read_text())
    assert scores["num_pictures"] == 233
    assert scores["num_pixels"] > 0.9 * 233 * 360 * 480
    assert scores["miou"] > 0.25
