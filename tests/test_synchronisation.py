"""No step waits for the device: nothing in it asks for a value, or for a size that depends on one."""

from collections.abc import Iterator
from contextlib import contextmanager

import lightning as L
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from atrous import build
from atrous.configs import config_folder

# The last is torch.tensor(...): numbers of the processor, copied to the device.
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique2", "lift_fresh"}
# What they say in their docstrings: a matching on the processor, and sorts of the classes that occur alone.
NEED_VALUES = {"mask_classification", "lovasz"}
LOSSES = sorted(path.stem for path in (config_folder() / "loss").glob("*.yaml"))


def refuse(tensor):
    raise AssertionError("tolist waits for the device")


class NoWaiting(TorchDispatchMode):
    """Raises where a GPU would make the processor wait."""

    def __enter__(self):
        self.tolist, torch.Tensor.tolist = torch.Tensor.tolist, refuse  # which calls no operator here
        return super().__enter__()

    def __exit__(self, *error):
        torch.Tensor.tolist = self.tolist
        return super().__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        indices = args[1] if name in ("index", "index_put", "index_put_") else ()
        masked = any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in indices)
        if name in WAITS or masked:
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


class Watched(L.Callback):
    """Runs whole steps, from their first hook to their last, under a watch; every third may log and wait."""

    def __init__(self, watch) -> None:
        self.watch = watch
        self.num_batches = 0

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.open = None
        if (trainer.global_step + 1) % trainer.log_every_n_steps:
            self.open = self.watch()
            self.open.__enter__()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if self.open is not None:
            self.open.__exit__(None, None, None)
            self.num_batches += 1

    def on_exception(self, trainer, pl_module, exception):
        if self.open is not None:
            self.open.__exit__(None, None, None)


def train(cfg, watch) -> int:
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    watched = Watched(watch)
    trainer = build.training(cfg, layout.labels, [watched])
    trainer.fit(build.module(cfg, layout.labels), datamodule=data)
    return watched.num_batches


@contextmanager
def no_waiting_on_cuda() -> Iterator[None]:
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


OPTIONS = (
    "trainer.max_steps=6",
    "trainer.log_every_n_steps=3",
    "trainer.gradient_clip_val=1",
    "trainer.accumulate_grad_batches=2",
    "callbacks=fixed_schedule",
    "trainer.val_check_interval=null",
    "model=unet",
    "model.encoder=mobilenet_v2",
    "data.limits.val=1",
    "data.crop_size=[32,32]",
)


def config(composed, loss, *options):
    own = ["model=eomt", "model.encoder=vit_tiny_patch16_224"] if loss == "mask_classification" else []
    return composed("train", *OPTIONS, f"loss={loss}", *own, *options)


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss not in NEED_VALUES])
def test_a_step_asks_for_no_value(loss, composed):
    # An epoch's three batches are a step of two and one of one; steps 3 and 6 are logged.
    assert train(config(composed, loss), NoWaiting) == 6


@pytest.mark.parametrize("loss", sorted(NEED_VALUES))
def test_a_loss_that_does_is_found(loss, composed):
    with pytest.raises(AssertionError, match="waits for the device"):
        train(config(composed, loss), NoWaiting)


def test_a_step_that_is_to_be_left_out_must_be_looked_at(composed):
    """The watch on non-finite steps waits only where that is chosen."""
    with pytest.raises(AssertionError, match="waits for the device"):
        train(config(composed, "cross_entropy", "trainer.on_bad_step=skip"), NoWaiting)


@pytest.mark.parametrize(
    ("optimizer", "precision"),
    [
        ("adam", "32-true"),
        ("sgd", "32-true"),
        ("adam", "bf16-mixed"),
        pytest.param("sgd", "bf16-mixed", marks=pytest.mark.faults),
    ],
)
def test_nor_does_an_optimizer(optimizer, precision, composed):
    chosen = (f"optimizer={optimizer}", f"trainer.precision={precision}", "model.auxiliary_weight=0.4")
    assert train(config(composed, "[cross_entropy,dice]", *chosen), NoWaiting) > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss not in NEED_VALUES])
def test_a_step_on_a_gpu_does_not_wait(loss, composed):
    assert train(config(composed, loss, "trainer.accelerator=gpu"), no_waiting_on_cuda) > 0
