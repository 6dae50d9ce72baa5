"""Steps that are not finite, injected where they may arise: told by name, and nothing of them is kept."""

import warnings
from multiprocessing import active_children

import lightning as L
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import nn

from atrous import build
from atrous.callbacks import finite
from atrous.callbacks.finite import FiniteSteps
from atrous.checkpoint import AtomicCheckpointIO
from atrous.configs import config_folder
from atrous.data.sampler import Shuffled, TrainingSampler

SMALL = ("trainer.max_steps=8", "trainer.val_check_interval=2")
PAPER = ("model=unet_paper", "model.net.width=4")


class At(nn.Module):
    """A loss that goes wrong in some of its calls, counted from 1."""

    def __init__(self, loss, wrong, calls, rank=None):
        super().__init__()
        self.loss, self.wrong, self.calls, self.rank = loss, wrong, calls, rank
        self.num_calls = 0

    def forward(self, logits, labels):
        self.num_calls += 1
        loss = self.loss(logits, labels)
        here = self.rank is None or torch.distributed.get_rank() == self.rank
        return self.wrong(loss, logits) if here and self.num_calls in self.calls else loss


def nan_loss(loss, logits):
    return loss * float("nan")


def infinite_loss(loss, logits):
    return loss + float("inf")


def nan_gradient(loss, logits):
    return loss + (0 * logits.mean()).sqrt()  # 0, whose root has no gradient


class Watch(L.Callback):
    """The names of each batch, and after which steps there were validations."""

    def __init__(self):
        self.names, self.validated = [], []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.names.append(batch["names"])

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self.validated.append(trainer.global_step)


def parts(composed, wrong, calls, *options, watch=(), rank=None, model=PAPER):
    cfg = composed("train", *SMALL, *model, *options)
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    module = build.module(cfg, layout.labels)
    for name, loss in list(module.losses.items()):
        module.losses[name] = At(loss, wrong, calls, rank)
    trainer = build.training(cfg, layout.labels, watch)
    return trainer, module, data


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("log_every", [4, 100])  # looked at in step 4 itself, and before its validation
@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (nan_loss, "the loss is nan"),
        (infinite_loss, "the loss is inf"),
        (nan_gradient, "the norm of the gradients is nan"),
    ],
)
def test_a_bad_step_ends_the_training_and_nothing_of_it_is_kept(
    composed, tmp_path, wrong, what, log_every, num_workers
):
    watch = Watch()
    options = (f"data.num_workers={num_workers}", f"trainer.log_every_n_steps={log_every}")
    trainer, module, data = parts(composed, wrong, {3}, *options, watch=[watch])
    others = set(active_children())
    with pytest.raises(ValueError, match=rf"step 3: {what}, with the pictures ") as told:
        trainer.fit(module, datamodule=data)
    assert f"with the pictures {', '.join(watch.names[2])}; lower optimizer.lr, set" in str(told.value)
    assert set(watch.validated) == {2}
    assert set(active_children()) <= others
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 2
    assert all(value.isfinite().all() for value in kept["state_dict"].values())


def test_a_checkpoint_that_is_asked_for_in_between_is_not_written(composed, tmp_path):
    class Save(L.Callback):
        def on_train_batch_end(self, trainer, *_):
            trainer.save_checkpoint(tmp_path / f"{trainer.global_step}.ckpt")

    trainer, module, data = parts(
        composed, nan_loss, {3}, "trainer.log_every_n_steps=100", "callbacks=fixed_schedule", watch=[Save()]
    )
    with pytest.raises(ValueError, match="step 3: the loss is nan"):
        trainer.fit(module, datamodule=data)
    assert {path.name for path in tmp_path.glob("[0-9].ckpt")} == {"1.ckpt", "2.ckpt"}


def test_in_an_accumulated_step_the_batch_is_named(composed):
    watch = Watch()
    options = ("trainer.accumulate_grad_batches=3", "trainer.val_check_interval=null", "trainer.max_steps=2")
    trainer, module, data = parts(composed, nan_loss, {5}, *options, watch=[watch])
    with pytest.raises(ValueError, match=r"step 2: the loss is nan") as told:
        trainer.fit(module, datamodule=data)
    assert f"with the pictures {', '.join(watch.names[4])};" in str(told.value)


@pytest.mark.parametrize("optimizer", ["optimizer=sgd", "optimizer=adamw"])
def test_a_learning_rate_that_explodes(composed, optimizer):
    trainer, module, data = parts(composed, nan_loss, (), optimizer, "optimizer.lr=1e25")
    with pytest.raises(
        ValueError, match=r"step [2-4]: the (loss|norm of the gradients) is (nan|inf), with the pict"
    ):
        trainer.fit(module, datamodule=data)


class Unmoved(L.Callback):
    """Before and after each step: weights, the optimizer's state, and running statistics."""

    def __init__(self):
        self.states = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        state = trainer.optimizers[0].state_dict()["state"]
        moments = [value.clone() for each in state.values() for value in each.values()]
        self.states.append([value.clone() for value in pl_module.net.state_dict().values()] + moments)


def same(state, other):
    return len(state) == len(other) and all(map(torch.equal, state, other))


@pytest.mark.parametrize("optimizer", ["optimizer=adamw", "optimizer=sgd"])
@pytest.mark.parametrize("wrong", [nan_loss, infinite_loss, nan_gradient])
def test_a_step_that_is_left_out_leaves_no_trace(composed, wrong, optimizer):
    unmoved, watch = Unmoved(), Watch()
    options = ("trainer.on_bad_step=skip", optimizer, "trainer.max_steps=6", "trainer.gradient_clip_val=1")
    trainer, module, data = parts(
        composed,
        wrong,
        {3, 5},
        *options,
        "trainer.log_every_n_steps=1",
        watch=[unmoved, watch],
        model=[*PAPER, "model.net.batch_norm=true"],
    )
    with pytest.warns(UserWarning, match="is left out") as told:
        trainer.fit(module, datamodule=data)
    moved = [not same(*each) for each in zip(unmoved.states, unmoved.states[1:], strict=False)]
    assert moved == [True, True, False, True, False]
    (said,) = [str(each.message) for each in told if "is left out" in str(each.message)]
    assert said.startswith("step 3: ")
    assert ", ".join(watch.names[2]) in said
    assert trainer.callback_metrics["train/skipped_steps"] == 2
    assert all(value.isfinite().all() for value in module.net.state_dict().values())
    (own,) = [callback for callback in trainer.callbacks if isinstance(callback, FiniteSteps)]
    again = FiniteSteps(skip=True)
    again.load_state_dict(own.state_dict())
    assert again.num_skipped == 2


@pytest.mark.filterwarnings("ignore:.*is left out")
def test_too_many_in_a_row_end_it(composed, monkeypatch):
    monkeypatch.setattr(finite, "MOST_IN_A_ROW", 3)
    trainer, module, data = parts(composed, nan_loss, {1, 2, 4, 5, 6}, "trainer.on_bad_step=skip")
    with pytest.raises(ValueError, match=r"step 6: the loss is nan.*the last of 3 steps in a row"):
        trainer.fit(module, datamodule=data)


def with_scaler(trainer, scale):
    """As on a GPU in trainer.precision=16-mixed."""
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    trainer.strategy._precision_plugin = MixedPrecision("16-mixed", "cpu", scaler)
    return scaler


def test_infinite_gradients_are_the_scaler_s(composed):
    trainer, module, data = parts(
        composed,
        nan_loss,
        (),
        "trainer.log_every_n_steps=1",
        "trainer.max_steps=2",
        "trainer.val_check_interval=null",
    )
    scaler = with_scaler(trainer, 2.0**40)
    trainer.fit(module, datamodule=data)
    assert scaler.get_scale() < 2.0**40
    trainer, module, data = parts(composed, nan_loss, {2}, "trainer.log_every_n_steps=1")
    with_scaler(trainer, 2.0**10)
    with pytest.raises(ValueError, match="step 2: the loss is nan"):
        trainer.fit(module, datamodule=data)


TWO = (
    "+trainer.strategy=ddp_fork",
    "trainer.devices=2",
    "data.batch_size=2",
    "callbacks=fixed_schedule",
    "~callbacks.progress_bar",
    "trainer.val_check_interval=null",
)


def expected_names(data, rank, step):
    pairs = data.pairs["train"]
    keys = list(TrainingSampler(len(pairs), Shuffled(), data.seed, rank, 2))
    return ", ".join(pairs[key.index].name for key in keys[2 * (step - 1) : 2 * step])


@pytest.mark.filterwarnings("ignore:.*is left out")
@pytest.mark.parametrize("action", ["error", "skip"])
def test_a_bad_loss_of_one_process_is_told_by_all_with_its_pictures(composed, monkeypatch, action):
    """And all decide alike: in the next steps nobody waits for another."""
    # What processes that are forked hand back at their end are weights alone.
    monkeypatch.setattr(AtomicCheckpointIO, "load_checkpoint", lambda self, path, **_: torch.load(path))
    options = (*TWO, "trainer.log_every_n_steps=3", "trainer.max_steps=4", f"trainer.on_bad_step={action}")
    trainer, module, data = parts(composed, nan_loss, {2}, *options, rank=1)
    said = f"step 2: the loss is nan, with the pictures {expected_names(data, 1, 2)};"
    if action == "error":
        with pytest.raises(Exception, match=said):
            trainer.fit(module, datamodule=data)
    else:
        trainer.fit(module, datamodule=data)
        assert float(trainer.callback_metrics["train/skipped_steps"]) == 1


LOSSES = sorted(path.stem for path in (config_folder() / "loss").glob("*.yaml"))
EOMT = (
    "model=eomt",
    "model.encoder=vit_tiny_patch16_224",
    "model.net.encoder_options={patch_size: 16, depth: 4}",
)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_without_labels_teaches_nothing_and_is_told_once(composed, capsys, loss):
    class Ignored(L.Callback):
        """The batches from the second on have no labels."""

        def on_train_start(self, trainer, pl_module):
            self.losses, self.names = [], []

        def on_before_backward(self, trainer, pl_module, loss):
            self.losses.append(loss.item())

        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            largest = max(
                each.grad.abs().max() for each in pl_module.net.parameters() if each.grad is not None
            )
            self.losses.append(float(largest))

    ignored = Ignored()
    own = EOMT if loss == "mask_classification" else (*PAPER, "model.net.batch_norm=true")
    cfg = composed("train", f"loss={loss}", *own, "trainer.max_steps=3", "callbacks=fixed_schedule")
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    before, names = data.on_after_batch_transfer, []

    def unlabelled(batch, index):
        if batch["names"][0] not in names and data.trainer.training:
            names.append(batch["names"][0])
            if len(names) > 1:
                batch["labels"].fill_(layout.labels.ignore_index)
        return before(batch, index)

    data.on_after_batch_transfer = unlabelled
    trainer = build.training(cfg, layout.labels, [ignored])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        trainer.fit(build.module(cfg, layout.labels), datamodule=data)
    assert ignored.losses[0] > 0
    assert ignored.losses[1] > 0
    assert ignored.losses[2:] == [0, 0, 0, 0]
    (said,) = [str(each.message) for each in told if "teaches nothing" in str(each.message)]
    assert said.startswith("step 2: no pixel of ")
    assert names[1] in said
    assert "2 batches of a device had no labelled pixel" in capsys.readouterr().out
