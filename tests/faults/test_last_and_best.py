"""last.ckpt is the last and best.ckpt the best, whatever the metric does."""

import lightning as L
import pytest
from fault_runs import SMALL

from atrous import checkpoint
from atrous.callbacks.checkpoints import Best
from atrous.commands.train import train


class Scripted(L.Callback):
    """Logs given values, one a validation."""

    def __init__(self, values: list[float]) -> None:
        self.values = list(values)

    def on_validation_epoch_end(self, trainer, pl_module):
        pl_module.log("val/scripted", self.values[trainer.global_step // 2 - 1])


def scripted(values):
    added = f"+callbacks.scripted={{_target_: test_last_and_best.Scripted, values: {values}}}"
    return (*SMALL, "scheduler.warmup_steps=0", added, "callbacks.best.monitor=val/scripted")


@pytest.mark.parametrize(
    ("values", "mode", "best"),
    [
        ([0.4, 0.3, 0.2, 0.1], "max", 2),
        ([0.1, 0.2, 0.3, 0.4], "max", 8),
        ([0.1, 0.4, 0.4, 0.2], "max", 4),
        ([0.4, 0.1, 0.3, 0.2], "min", 4),
        ("[nan, 0.2, nan, 0.1]", "max", 4),
    ],
)
def test_whatever_the_metric_does(values, mode, best, composed, tmp_path):
    options = (*scripted(values), f"callbacks.best.mode={mode}")
    train(composed("train", *options))
    assert checkpoint.read(tmp_path / "last.ckpt").step == 8
    assert checkpoint.read(tmp_path / "previous.ckpt").step in (6, 8)
    assert checkpoint.read(tmp_path / "best.ckpt").step == best


def test_the_best_is_known_after_a_resume(composed, tmp_path):
    """Best at step 2, stopped after 4: what comes then is better than the last, but not than the best."""
    values = [0.9, 0.1, 0.5, 0.6]
    train(composed("train", *scripted(values), "trainer.max_steps=4"))
    train(composed("train", *scripted(values), "resume=auto"))
    assert checkpoint.read(tmp_path / "best.ckpt").step == 2
    assert checkpoint.read(tmp_path / "last.ckpt").step == 8


@pytest.mark.parametrize("other", [{"monitor": "val/loss"}, {"mode": "min"}])
def test_what_was_best_of_something_else_is_no_value_to_beat(other, tmp_path):
    best = Best(tmp_path, "val/miou")
    best.score, best.step = 0.7, 2
    again, changed = Best(tmp_path, "val/miou"), Best(tmp_path, **{"monitor": "val/miou", **other})
    for each in (again, changed):
        each.load_state_dict(best.state_dict())
    assert (again.score, again.step) == (0.7, 2)
    assert (changed.score, changed.step) == (None, None)


def test_a_run_in_the_folder_of_another_is_refused(composed, tmp_path):
    train(composed("train", *SMALL, "trainer.max_steps=2", "scheduler.warmup_steps=0"))
    before = (tmp_path / "last.ckpt").read_bytes()
    with pytest.raises(ValueError, match="holds a run already, of 2 steps; resume=auto goes on with it"):
        train(composed("train", *SMALL))
    assert (tmp_path / "last.ckpt").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("optimizer.lr=0.5", "begun with optimizer.lr=0.001, not 0.5"),
        ("data.batch_size=2", "begun with data.batch_size=4, not 2"),
        ("seed=1", "begun with seed=0, not 1"),
        ("model.net.width=9", "begun with model.net.width=8, not 9"),
        ("+trainer.limit_train_batches=2", "begun with trainer.limit_train_batches=None, not 2"),
        (
            "+trainer.gradient_clip_algorithm=value",
            "begun with trainer.gradient_clip_algorithm=None, not val",
        ),
    ],
)
def test_going_on_as_another_run_is_refused(option, said, composed):
    train(composed("train", *SMALL, "trainer.max_steps=2", "scheduler.warmup_steps=0"))
    with pytest.raises(ValueError, match=said):
        train(composed("train", *SMALL, "scheduler.warmup_steps=0", "resume=auto", option))


def test_a_finished_run_ends_at_once_with_its_objective(composed):
    first = train(composed("train", *SMALL))
    assert train(composed("train", *SMALL, "resume=auto")) == first


def test_a_value_that_is_not_logged_is_told(composed):
    with pytest.raises(
        ValueError, match=r"callbacks\.best\.monitor=val/iou: was not logged; logged were .*val/miou"
    ):
        train(composed("train", *SMALL, "callbacks.best.monitor=val/iou"))
    with pytest.raises(ValueError, match=r"callbacks\.best\.mode=most: expected max or min"):
        Best(".", "val/miou", mode="most")


def test_a_training_without_validation_leaves_its_last_weights(composed, tmp_path):
    options = (*SMALL, "+trainer.limit_val_batches=0", "callbacks=fixed_schedule", "objective=train/loss")
    train(composed("train", *options))
    assert checkpoint.read(tmp_path / "last.ckpt").step == 8


def test_last_weights_that_no_validation_saw(composed, tmp_path):
    """Three epochs of three steps, of which the second is validated."""
    epochs = ("trainer.max_steps=-1", "trainer.max_epochs=3", "trainer.check_val_every_n_epoch=2")
    train(composed("train", *SMALL, *epochs, "trainer.val_check_interval=1.0"))
    assert checkpoint.read(tmp_path / "last.ckpt").step == 9
    assert checkpoint.read(tmp_path / "best.ckpt").step == 6


def test_one_process_decides_what_is_best(trainings):
    """A loss is each process's own: if each decided, they would wait for each other."""
    best = ("callbacks.best.monitor=train/loss", "callbacks.best.mode=min")
    assert [done.code for done in trainings.two("hydra.run.dir=run", *best)] == [0, 0]
    assert (trainings.folder / "run" / "best.ckpt").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("trainer.max_steps=null", "expected a whole number, or -1 for trainer.max_epochs"),
        ("trainer.max_steps=abc", "expected a whole number, or -1 for trainer.max_epochs"),
        ("+trainer.fast_dev_run=true", "choose debug=fast"),
        ("+trainer.overfit_batches=2", "choose debug=overfit"),
        ("trainer.precision=bf16-true", "scores computed, in float32; choose bf16-mixed"),
        ("trainer.precision=16-true", "scores computed, in float32; choose bf16-mixed"),
        ("+trainer.enable_checkpointing=false", r"every training writes last\.ckpt"),
    ],
)
def test_options_that_do_not_go_with_it(option, said, composed):
    with pytest.raises(ValueError, match=said):
        train(composed("train", *SMALL, option))
