import threading

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from atrous import build
from atrous.labels import label_set
from atrous.metrics import jaccard as jaccard_of_counts
from atrous.metrics.confusion import class_scores, confusion_matrix
from atrous.module import SegmentationModule
from atrous.sentences import sentence

LABELS = label_set("mine", ["ground", "left", "right"])


def batch(n=2, size=32, first=0):
    return {
        "images": torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8),
        "labels": torch.randint(0, 3, (n, size, size), dtype=torch.uint8),
        "names": [str(first + index) for index in range(n)],
        "objects": None,
    }


def test_normalization_happens_on_the_device_in_float():
    module = SegmentationModule(nn.Conv2d(3, 3, 1), LABELS, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.5))
    images = batch()["images"]
    expected = (images / 255 - torch.tensor((0.5, 0.4, 0.3)).view(3, 1, 1)) / torch.tensor(
        (0.2, 0.25, 0.5)
    ).view(3, 1, 1)
    assert torch.allclose(module.normalize(images), expected, atol=1e-5)


def test_evaluation_is_in_float32_whatever_the_training_runs_in():
    seen = []

    class Net(nn.Conv2d):
        def forward(self, x):
            seen.append(super().forward(x).dtype)
            return super().forward(x)

    module = SegmentationModule(Net(3, 3, 1), LABELS, mean=(0.5,) * 3, std=(0.2,) * 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        module(batch()["images"])
        module.predict(batch()["images"])
    assert seen == [torch.bfloat16, torch.float32]


def test_an_evaluation_keeps_the_data_set_and_each_picture():
    module = SegmentationModule(nn.Conv2d(3, 3, 1), LABELS, mean=(0.5,) * 3, std=(0.2,) * 3)
    batches = [batch(n, first=first) for n, first in ((1, 0), (3, 1), (2, 4))]
    batches[1]["labels"][2] = 255
    trainer = L.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False
    )
    trainer.test(module, DataLoader(batches, batch_size=None), verbose=False)
    alone = []
    for part in batches:
        for image, truth in zip(module.predict(part["images"]).labels, part["labels"], strict=True):
            alone.append(confusion_matrix(truth.numpy(), image.numpy(), 3))
    evaluated = module.evaluated
    assert evaluated.names == tuple("012345")
    assert (evaluated.total == sum(alone)).all()
    assert np.array_equal(
        evaluated.picture_iou, [class_scores(each)["iou"] for each in alone], equal_nan=True
    )
    assert np.isnan(evaluated.picture_miou).tolist() == [False] * 3 + [True] + [False] * 2
    assert module.seconds_per_picture > 0
    # what torchmetrics' JaccardIndex logged is what was counted
    logged = trainer.callback_metrics
    assert float(logged["test/miou"]) == pytest.approx(float(evaluated.scores()["miou"]), abs=1e-6)
    for name, iou in zip(LABELS.classes, evaluated.scores()["iou"], strict=True):
        assert float(logged[f"test/iou/{name}"]) == pytest.approx(iou, abs=1e-6)


def test_deterministic_mode_counts_no_pixel_in_a_loop(monkeypatch):
    """torchmetrics' own counting does, a cell of the confusion matrix at a time: it is never called."""

    def counting(*args):
        raise AssertionError("torchmetrics counts pixels")

    monkeypatch.setattr(jaccard_of_counts.MulticlassJaccardIndex, "update", counting)
    monkeypatch.setattr(torch, "bincount", counting)
    module = SegmentationModule(nn.Conv2d(3, 3, 1), LABELS, mean=(0.5,) * 3, std=(0.2,) * 3)
    trainer = L.Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        deterministic=True,
    )
    try:
        trainer.test(module, DataLoader([batch()], batch_size=None), verbose=False)
    finally:
        torch.use_deterministic_algorithms(False)
    assert 0 <= trainer.callback_metrics["test/miou"] <= 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_evaluation_of_weights_that_have_diverged_names_the_picture_and_gives_no_score(value):
    module = SegmentationModule(nn.Conv2d(3, 3, 1), LABELS, mean=(0.5,) * 3, std=(0.2,) * 3)
    module.net.bias.data[1] = value
    trainer = L.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False
    )
    with pytest.raises(ValueError, match="not finite: the weights have diverged") as told:
        trainer.test(module, DataLoader([batch(first=4)], batch_size=None), verbose=False)
    assert sentence(told.value).endswith("lower optimizer.lr (pictures 4, 5)")
    assert "test/miou" not in trainer.callback_metrics
    assert module.evaluated is None


def test_no_thread_and_no_count_outlives_an_evaluation():
    module = SegmentationModule(nn.Conv2d(3, 3, 1), LABELS, mean=(0.5,) * 3, std=(0.2,) * 3)
    trainer = L.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False
    )
    threads = threading.active_count()
    for names in ("01", "45"):
        trainer.test(module, DataLoader([batch(first=int(names[0]))], batch_size=None), verbose=False)
        assert module.evaluated.names == tuple(names)
        assert threading.active_count() == threads


def test_a_loss_that_does_not_fit_the_network_is_told(composed):
    tiny = ["model.encoder=vit_tiny_patch16_224", "model.net.encoder_options={patch_size: 16, depth: 4}"]
    with pytest.raises(ValueError, match="loss=dice needs logits, but this model predicts masks; set loss="):
        fit(composed("train", "model=eomt", "loss=dice", *tiny))
    with pytest.raises(ValueError, match="loss=mask_classification needs proposals; choose model=eomt"):
        fit(composed("train", "loss=mask_classification"))


def test_a_batch_of_one_that_cannot_be_trained_on_is_told(composed):
    cfg = composed("train", "data.batch_size=1")
    with pytest.raises(ValueError, match=r"a batch of 1 picture a device .* set data.batch_size=2 or more"):
        fit(cfg)


def test_a_batch_of_one_where_it_can(composed):
    fit(composed("train", "data.batch_size=1", "model=unet"))


def fit(cfg):
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    module = build.module(cfg, layout.labels)
    trainer = build.trainer(cfg)
    trainer.fit(module, datamodule=data)
    return trainer


class Rates(L.Callback):
    def __init__(self):
        self.seen = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


@pytest.mark.parametrize(
    "length", [("trainer.max_steps=4",), ("trainer.max_steps=-1", "trainer.max_epochs=2")]
)
def test_the_schedule_counts_optimizer_steps_and_knows_the_total(composed, length):
    # 12 pictures in batches of 2, accumulated by 3: 2 optimizer steps an epoch, 4 in all.
    cfg = composed(
        "train", "data.batch_size=2", "trainer.accumulate_grad_batches=3", *length, "callbacks=fixed_schedule"
    )
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    rates = Rates()
    trainer = build.trainer(cfg, [rates])
    trainer.fit(build.module(cfg, layout.labels), datamodule=data)
    assert trainer.global_step == 4
    assert rates.seen == pytest.approx([1e-3 * (1 - step / 4) ** 0.9 for step in range(4) for _ in range(3)])
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0


def test_a_training_without_an_end_is_refused(composed):
    with pytest.raises(ValueError, match="the schedule needs an end"):
        fit(composed("train", "trainer.max_steps=-1", "trainer.max_epochs=-1"))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize(("algorithm", "largest"), [("norm", None), ("value", 1e-3)])
def test_gradients_are_clipped_before_the_step(precision, algorithm, largest, composed):
    class Gradients(L.Callback):
        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            self.all = [p.grad for p in pl_module.net.parameters() if p.grad is not None]

    clip = ("trainer.gradient_clip_val=1e-3", f"+trainer.gradient_clip_algorithm={algorithm}")
    cfg = composed("train", "model=unet", f"trainer.precision={precision}", *clip, "trainer.max_steps=1")
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    seen = Gradients()
    build.trainer(cfg, [seen]).fit(build.module(cfg, layout.labels), datamodule=data)
    norm = torch.stack([gradient.norm() for gradient in seen.all]).norm().item()
    if largest is None:
        assert norm == pytest.approx(1e-3, rel=1e-3)
    else:
        assert max(gradient.abs().max().item() for gradient in seen.all) == pytest.approx(largest)
