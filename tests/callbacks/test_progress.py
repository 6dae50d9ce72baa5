from types import SimpleNamespace

import lightning as L
import pytest
import torch

from atrous import build
from atrous.callbacks.progress import StepProgress, Throughput
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


@pytest.mark.parametrize("wait", [0.0, 0.1, 3.0])
def test_waiting_for_data_is_measured_and_told(monkeypatch, capsys, wait):
    """Steps of one second, each after a wait; a validation and the start of the workers do not count."""
    now, logged = [0.0], {}
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    module = SimpleNamespace(
        log=lambda name, value, **_: logged.setdefault(name, []).append(value), device=torch.device("cpu")
    )
    trainer = SimpleNamespace(
        global_step=0, log_every_n_steps=2, estimated_stepping_batches=8, world_size=2, is_global_zero=True
    )
    throughput, batch = Throughput(), {"names": ["a", "b", "c"]}
    throughput.on_train_start(trainer, module)
    now[0] += 100  # workers start
    for step in range(1, 9):
        now[0] += wait
        throughput.on_train_batch_start(trainer, module, batch, step)
        now[0] += 1
        trainer.global_step = step
        throughput.on_train_batch_end(trainer, module, None, batch, step)
        if step == 4:
            now[0] += 50
            throughput.on_validation_end(trainer, module)
    throughput.on_train_end(trainer, module)
    assert logged["train/data_wait"][1:] == pytest.approx([wait / (1 + wait)] * 3)
    assert logged["train/pictures_per_second"][1:] == pytest.approx([6 / (1 + wait)] * 3)
    told = capsys.readouterr().out
    assert told.startswith("75% of the training went into waiting for pictures") == (wait == 3.0)
    assert (told == "") == (wait < 3.0)


@pytest.mark.parametrize("over", [True, False])
def test_while_a_gpu_still_works_nobody_waits(monkeypatch, over):
    """This process is ahead of the GPU: it waits for the next batch, the GPU for nothing."""
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    event = SimpleNamespace(record=lambda: None, query=lambda: over)
    monkeypatch.setattr("torch.cuda.Event", lambda: event)
    module = SimpleNamespace(device=torch.device("cuda"))
    trainer = SimpleNamespace(
        global_step=0, log_every_n_steps=50, estimated_stepping_batches=80, world_size=1
    )
    throughput, batch = Throughput(), {"names": ["a"]}
    throughput.on_train_start(trainer, module)
    for step in range(4):
        throughput.on_train_batch_start(trainer, module, batch, step)
        trainer.global_step += 1
        throughput.on_train_batch_end(trainer, module, None, batch, step)
        now[0] += 1
    assert throughput._waited == (3 if over else 0)
