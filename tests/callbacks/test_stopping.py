import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from atrous.callbacks.stopping import EarlyStopping
from atrous.commands.train import train

VALUES = st.lists(st.floats(0, 1) | st.just(math.nan), min_size=1, max_size=12)


def ended(values, **options):
    """How many validations there were."""
    stopping = EarlyStopping("val/miou", **options)
    for number, value in enumerate(values, start=1):
        stopping.note(value, number)
        if stopping.is_over:
            return number, stopping
    return None, stopping


@given(VALUES, st.integers(1, 4), st.sampled_from([0.0, 0.1]))
def test_it_ends_when_nothing_improved_for_so_long(values, patience, min_delta):
    at, stopping = ended(values, patience=patience, min_delta=min_delta)
    numbers = [value for value in values[:at] if not math.isnan(value)]
    assert stopping.best is None or stopping.best in numbers
    if at is not None:
        late = values[at - patience : at]
        assert all(
            math.isnan(value) or stopping.best is None or value <= stopping.best + min_delta for value in late
        )
    mirrored, _ = ended([-value for value in values], patience=patience, min_delta=min_delta, mode="min")
    assert mirrored == at


@given(VALUES, st.integers(1, 4), st.data())
def test_a_run_that_goes_on_ends_alike(values, patience, data):
    at, whole = ended(values, patience=patience)
    cut = data.draw(st.integers(0, len(values) if at is None else at))
    first, second = EarlyStopping("val/miou", patience), EarlyStopping("val/miou", patience)
    for number, value in enumerate(values[:cut], start=1):
        first.note(value, number)
    second.load_state_dict(first.state_dict())
    for number, value in enumerate(values[cut:at], start=cut + 1):
        second.note(value, number)
    assert second.state_dict() == whole.state_dict()
    assert second.is_over == whole.is_over


def test_what_something_else_has_done_does_not_count():
    first, other = EarlyStopping("val/miou", 3), EarlyStopping("val/loss", 3, mode="min")
    for step, value in enumerate((0.5, 0.4)):
        first.note(value, step)
    other.load_state_dict(first.state_dict())
    assert (other.best, other.num_since) == (None, 0)


def test_it_says_why_and_has_nothing_left_to_do(composed, tmp_path, capsys):
    options = (
        *("model=unet_paper", "model.net.width=1", "callbacks=early_stopping", "callbacks.pictures=null"),
        *("callbacks.early_stopping.min_delta=0.9", "callbacks.early_stopping.patience=2"),
        *("trainer.max_steps=20", "trainer.val_check_interval=1"),
    )
    score = train(composed("train", *options))
    why = "stopped early after 3 of 20 steps: val/miou was best ("
    assert why in capsys.readouterr().out
    written = (tmp_path / "last.ckpt").stat().st_mtime_ns
    assert train(composed("train", *options, "resume=auto")) == score
    assert why in capsys.readouterr().out
    assert (tmp_path / "last.ckpt").stat().st_mtime_ns == written


def test_between_two_steps_of_the_optimizer_the_end_is_kept_too(composed, tmp_path):
    """A validation after the fifth batch of an optimizer's step that takes two."""
    options = (
        *("model=unet_paper", "model.net.width=1", "callbacks=early_stopping", "callbacks.pictures=null"),
        *("callbacks.early_stopping.min_delta=0.9", "callbacks.early_stopping.patience=1"),
        *("trainer.max_steps=20", "trainer.accumulate_grad_batches=4", "trainer.val_check_interval=5"),
    )
    score = train(composed("train", *options))
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert kept["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["completed"] % 4
    assert kept["callbacks"]["EarlyStopping"]["num_since"] == 1
    assert train(composed("train", *options, "resume=auto")) == score  # nothing is left to do


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"patience": 0}, "patience=0: expected a number of validations, 1 or more"),
        ({"patience": True}, "patience=True: expected a number of validations"),
        ({"patience": 1, "min_delta": -1}, "min_delta=-1: expected a number, 0 or more"),
        ({"patience": 1, "mode": "up"}, "mode=up: expected max or min"),
    ],
)
def test_wrong_input_is_told(options, said):
    with pytest.raises(ValueError, match=said):
        EarlyStopping("val/miou", **options)


def test_a_score_that_is_not_logged_is_told(composed):
    options = ("model=unet_paper", "model.net.width=1", "callbacks=early_stopping", "trainer.max_steps=1")
    with pytest.raises(
        ValueError, match=r"callbacks\.early_stopping\.monitor=x: was not logged; logged were"
    ):
        train(composed("train", *options, "callbacks.early_stopping.monitor=x"))
