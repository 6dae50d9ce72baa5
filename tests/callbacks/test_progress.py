import lightning as L
import pytest

from atrous import build
from atrous.callbacks.progress import StepProgress
from atrous.module import is_logged


class Shown(L.Callback):
    """What the bar says after each batch; listed after it."""

    def __init__(self):
        self.texts = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        (bar,) = (callback for callback in trainer.callbacks if isinstance(callback, StepProgress))
        self.texts.append(bar._progress.tasks[0].fields["values"])


def test_values_are_shown_when_they_are_logged_and_at_the_end(composed):
    options = ("trainer.max_steps=5", "trainer.log_every_n_steps=2", "callbacks=fixed_schedule", "model=unet")
    cfg = composed("train", *options, "loss=[cross_entropy,dice]")
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    shown = Shown()
    trainer = build.trainer(cfg, [shown])
    trainer.fit(build.module(cfg, layout.labels), datamodule=data)
    first, second, third, fourth, fifth = shown.texts
    assert first == ""
    assert second == third
    assert len({second, fourth, fifth}) == 3
    for name in ("loss ", "lr ", "pictures/s "):
        assert name in second
    logged = trainer.callback_metrics
    assert f"loss {float(logged['train/loss']):.4g}" in fifth
    assert {"train/cross_entropy", "train/dice", "train/pictures_per_second"} <= set(logged)


@pytest.mark.parametrize(("every", "logged"), [(0, [7]), (1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7])])
def test_what_is_logged(every, logged):
    trainer = L.Trainer(
        accelerator="cpu",
        max_steps=7,
        log_every_n_steps=every,
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    assert [step for step in range(1, 8) if is_logged(trainer, step)] == logged
