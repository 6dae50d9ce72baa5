import lightning as L
import pytest

from atrous import build

TINY = ["model=eomt", "model.encoder=vit_tiny_patch16_224", "model.net.encoder_options={depth: 4}"]


class Seen(L.Callback):
    def __init__(self):
        self.probabilities = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.probabilities.append(pl_module.net.masked_attention)


def fit(cfg, seen):
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    build.trainer(cfg, [seen]).fit(build.module(cfg, layout.labels), datamodule=data)


def test_masking_falls_from_all_to_none(composed):
    seen = Seen()
    fit(composed("train", *TINY, "callbacks=mask_annealing", "trainer.max_steps=4"), seen)
    assert seen.probabilities == pytest.approx([1.0, 0.75**0.9, 0.5**0.9, 0.25**0.9])


def test_other_networks_are_refused(composed):
    with pytest.raises(ValueError, match="callbacks=mask_annealing is for model=eomt"):
        fit(composed("train", "callbacks=mask_annealing"), Seen())
