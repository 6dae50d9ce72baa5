"""Trials that are given up end in order, and say so to the study, in the run's folder and on the screen."""

import math

import optuna
import pytest

from atrous import checkpoint
from atrous.build.pruning import pruning
from atrous.callbacks.pruning import Pruning
from atrous.commands.train import train
from atrous.siblings import SWEEP
from atrous.sweeps.folder import read_pruned
from atrous.sweeps.studies import PRUNER, stored

SMALL = ("model=unet_paper", "model.net.width=1", "callbacks=fixed_schedule", "~callbacks.pictures")
EACH_STEP = ("trainer.max_steps=4", "trainer.val_check_interval=1")
# An mIoU below 2 is what any training has.
ANY = {"_target_": "optuna.pruners.ThresholdPruner", "lower": 2.0, "n_warmup_steps": 50}


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """A study of one running trial, whose folder is 0."""
    monkeypatch.setenv(SWEEP, "sweep")
    study = stored(tmp_path, "maximize")
    study.set_user_attr(PRUNER, ANY)
    study.ask()
    return study


def trained(composed, folder, *options):
    (folder / "0").mkdir(exist_ok=True)
    return train(composed("train", *SMALL, *EACH_STEP, *options, output=folder / "0"))


def test_a_training_is_pruned_when_its_warm_up_is_over(sweep, composed, tmp_path, capsys):
    objective = trained(composed, tmp_path)
    assert read_pruned(tmp_path / "0") == {"step": 2, "objective": pytest.approx(objective)}
    assert checkpoint.read(tmp_path / "0" / "last.ckpt").step == 2
    assert "pruned after step 2: val/miou" in capsys.readouterr().out
    reported = sweep.get_trials()[0].intermediate_values
    assert list(reported) == [25, 50]
    assert reported[50] == pytest.approx(objective)


def test_a_pruned_training_that_is_put_back_into_the_queue_does_not_go_on(sweep, composed, tmp_path):
    trained(composed, tmp_path)
    trained(composed, tmp_path, "resume=auto")
    assert read_pruned(tmp_path / "0")["step"] == 2
    assert checkpoint.read(tmp_path / "0" / "last.ckpt").step == 2
    assert list(sweep.get_trials()[0].intermediate_values) == [25, 50]


def test_without_a_pruner_it_goes_on_to_its_end(sweep, composed, tmp_path):
    sweep.set_user_attr(PRUNER, None)
    trained(composed, tmp_path, "trainer.max_steps=1")
    assert read_pruned(tmp_path / "0") is None
    assert sweep.get_trials()[0].intermediate_values == {}


def test_a_run_outside_a_sweep_is_no_trial(sweep, composed, tmp_path, monkeypatch):
    cfg = composed("train", output=tmp_path / "0")
    assert len(pruning(cfg)) == 1
    assert pruning(composed("train", output=tmp_path / "by_hand")) == []
    monkeypatch.delenv(SWEEP)
    assert pruning(cfg) == []


class Trainer:
    """What the callback sees of Lightning's; broadcast is what the first process says."""

    sanity_checking = should_stop = False
    callback_metrics: dict
    estimated_stepping_batches = 8

    def __init__(self, step, value, first=True, said=None):
        self.global_step = step
        self.callback_metrics = {} if value is None else {"val/miou": value}
        self.is_global_zero = first
        self.strategy = self
        self.broadcast = lambda own: own if first else said


def after(sweep, tmp_path, *args, **kwargs):
    sweep.pruner = optuna.pruners.ThresholdPruner(lower=2.0)
    trial = optuna.Trial(sweep, sweep.get_trials()[0]._trial_id)
    trainer = Trainer(*args, **kwargs)
    Pruning(trial, "val/miou", tmp_path).on_validation_end(trainer, None)
    return trainer.should_stop, sweep.get_trials()[0].intermediate_values


def test_the_others_do_as_the_first_process(sweep, tmp_path):
    assert after(sweep, tmp_path, 4, 0.5, first=False, said=True) == (True, {})
    assert after(sweep, tmp_path, 4, 0.5, first=False, said=False) == (False, {})
    assert read_pruned(tmp_path) is None


def test_what_is_no_number_or_was_not_logged_prunes_nothing(sweep, tmp_path):
    assert after(sweep, tmp_path, 4, math.nan) == (False, {})
    assert after(sweep, tmp_path, 4, None) == (False, {})


def test_the_last_validation_is_reported_and_never_pruned(sweep, tmp_path):
    assert after(sweep, tmp_path, 8, 0.5) == (False, {100: 0.5})


def test_a_trial_that_goes_on_reports_nothing_twice(sweep, tmp_path):
    assert after(sweep, tmp_path, 4, 0.5) == (True, {50: 0.5})
    assert after(sweep, tmp_path, 4, 0.6) == (True, {50: 0.5})
