import lightning as L
import pytest
import torch

from atrous import build


def settings():
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    return matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark


PAPER = ("model=unet_paper", "model.net.width=2")
FAST, EXACT = (True, True, True), (False, False, False)


class Seen(L.Callback):
    def __init__(self):
        self.training, self.evaluation = set(), set()

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.training.add(settings())

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self.evaluation.add(settings())

    on_test_batch_start = on_validation_batch_start


@pytest.fixture(autouse=True)
def as_before():
    before = settings()
    yield
    torch.use_deterministic_algorithms(False)
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before


@pytest.mark.parametrize(
    ("options", "training"),
    [
        ((), FAST),
        (("trainer.benchmark=false",), (True, True, False)),
        (("trainer.deterministic=true",), (True, True, False)),
        (("trainer.deterministic=warn", "trainer.benchmark=true"), (True, True, False)),
    ],
)
def test_training_is_fast_and_evaluation_exact(options, training, composed):
    cfg = composed("train", *PAPER, "trainer.max_steps=4", "trainer.val_check_interval=2", *options)
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    seen = Seen()
    trainer = build.trainer(cfg, [seen])
    trainer.fit(build.module(cfg, layout.labels), datamodule=data)
    assert (seen.training, seen.evaluation, settings()) == ({training}, {EXACT}, EXACT)


def test_a_test_is_exact(composed):
    run = composed("train", *PAPER)
    layout = build.layout(run)
    data = build.data(run, build.pairs(run, layout, ("test",)), layout)
    seen = Seen()
    trainer = build.trainer(composed("evaluate", "trainer.accelerator=cpu", "checkpoint=x.ckpt"), [seen])
    torch.backends.cudnn.allow_tf32 = True
    trainer.test(build.module(run, layout.labels), datamodule=data, verbose=False)
    assert seen.evaluation == {EXACT}


def test_batches_of_many_sizes_are_not_searched_for(composed):
    cfg = composed("train", *PAPER)
    cfg.augment = None
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    seen = Seen()
    build.trainer(cfg, [seen]).fit(build.module(cfg, layout.labels), datamodule=data)
    assert seen.training == {(True, True, False)}
