"""A run that goes on from any of its checkpoints ends as the run that was never stopped: bit for bit."""

import shutil
from pathlib import Path

import pytest
import torch
from fault_runs import SMALL, same, state, values

from atrous.checkpoint import AtomicCheckpointIO
from atrous.commands.train import train

# A checkpoint between any two batches.
OPTIONS = (*SMALL, "trainer.checkpoint_minutes=0")

RECIPES = {
    "validation across epochs": ["trainer.max_steps=8", "trainer.val_check_interval=2"],
    "validation at the end of epochs": ["trainer.max_steps=7", "trainer.val_check_interval=3"],
    "epochs": [
        "trainer.max_steps=-1",
        "trainer.max_epochs=3",
        "trainer.val_check_interval=1.0",
        "trainer.check_val_every_n_epoch=1",
    ],
    "accumulated gradients": [
        "trainer.accumulate_grad_batches=2",
        "trainer.max_steps=5",
        "trainer.val_check_interval=2",
    ],
    "moving average and early stopping": [
        "callbacks=[ema,early_stopping]",
        "callbacks.ema.decay=0.5",
        "callbacks.early_stopping.min_delta=0.9",
        "callbacks.early_stopping.patience=3",
        "trainer.accumulate_grad_batches=2",
        "trainer.max_steps=12",
        "trainer.val_check_interval=2",
    ],
    "device augmentation": ["augment.device=true", "trainer.max_steps=5", "trainer.val_check_interval=3"],
    "class-uniform sampling and mixing": [
        "sampling=class_uniform",
        "mix=classmix",
        "optimizer=sgd",
        "trainer.max_steps=5",
        "trainer.val_check_interval=4",
    ],
    "mixed precision": [
        "trainer.precision=bf16-mixed",
        "trainer.max_steps=5",
        "trainer.val_check_interval=3",
    ],
    "one batch an epoch": ["data.batch_size=12", "trainer.max_steps=4", "trainer.val_check_interval=2"],
}


@pytest.fixture
def taken(monkeypatch, tmp_path):
    """Every checkpoint that is written, with the values logged until then, in a run folder of its own."""
    folders: list[Path] = []
    save = AtomicCheckpointIO.save_checkpoint

    def save_and_copy(self, contents, path, storage_options=None):
        save(self, contents, path, storage_options)
        folders.append(tmp_path / f"{len(folders):02d}-step{contents['global_step']}-{Path(path).stem}")
        folders[-1].mkdir()
        shutil.copy(path, folders[-1] / "last.ckpt")
        shutil.copy(Path(path).with_name("values.jsonl"), folders[-1])

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", save_and_copy)
    return folders


OFTEN = ("validation across epochs", "epochs", "accumulated gradients", "moving average and early stopping")


@pytest.mark.parametrize(
    "recipe", [each if each in OFTEN else pytest.param(each, marks=pytest.mark.faults) for each in RECIPES]
)
def test_from_any_checkpoint(recipe, composed, tmp_path, taken):
    require_exact_resumes([*OPTIONS, *RECIPES[recipe]], composed, tmp_path, taken)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_from_any_checkpoint_on_a_gpu(precision, composed, tmp_path, taken):
    """Its random numbers, and the scale of 16-mixed."""
    options = ("trainer.accelerator=gpu", "trainer.deterministic=true", f"trainer.precision={precision}")
    require_exact_resumes([*OPTIONS, *options], composed, tmp_path, taken)


def require_exact_resumes(options, composed, tmp_path, taken):
    """Raises AssertionError: a run that goes on from one of its checkpoints ends otherwise than the whole."""
    whole = tmp_path / "whole"
    whole.mkdir()
    score = train(composed("train", *options, output=whole))
    snapshots = list(taken)
    if "trainer.accumulate_grad_batches=2" in options:  # best.ckpt may hold half of a step's gradients
        snapshots = [folder for folder in taken if not folder.name.endswith("best")]
    assert len(snapshots) >= 8
    for folder in snapshots:
        resumed = train(composed("train", *options, "resume=auto", output=folder))
        same(state(whole), state(folder), folder.name)
        assert values(whole) == values(folder), folder.name
        assert resumed == score
        if (folder / "best.ckpt").exists():
            same(state(whole, "best"), state(folder, "best"), f"{folder.name} best")
