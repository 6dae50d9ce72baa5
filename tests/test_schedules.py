import itertools
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from atrous import schedules


def rates(make, total, lr=0.5):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimizer, total_steps=total)
    seen = []
    for _ in range(total):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen, optimizer.param_groups[0]["lr"]


def test_poly_is_its_formula_and_ends_at_zero():
    seen, after = rates(partial(schedules.scheduled, shape=schedules.poly), 10)
    assert seen == pytest.approx([0.5 * (1 - step / 10) ** 0.9 for step in range(10)])
    assert after == 0


@pytest.mark.parametrize(
    ("shape", "last"),
    [
        (schedules.cosine, 0.0),
        (partial(schedules.cosine, final=0.1), 0.1),
        (partial(schedules.exponential, final=0.99**20), 0.99**20),
        (schedules.constant, 1.0),
    ],
)
def test_shapes_end_exactly_at_the_end(shape, last):
    seen, after = rates(partial(schedules.scheduled, shape=shape), 20)
    assert seen[0] == 0.5
    assert after == pytest.approx(0.5 * last)


def test_one_cycle_is_torchs():
    total = 50
    seen, after = rates(partial(schedules.scheduled, shape=schedules.one_cycle), total, lr=1.0)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    # torch's total_steps counts the states, ours the steps between them; its rise ends a state earlier.
    torchs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total + 1, pct_start=16 / 51, cycle_momentum=False
    )
    for rate in [*seen, after]:
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-6)
        optimizer.step()
        if torchs.last_epoch < total:
            torchs.step()


@given(st.integers(2, 1000), st.data())
def test_warm_up_rises_and_never_passes_the_base_rate(total, data):
    warmup = data.draw(st.integers(0, total - 1))
    factors = [schedules.factor(step, total, schedules.poly, warmup, 0.01) for step in range(total)]
    assert all(0 < value <= 1 for value in factors)
    assert all(a < b for a, b in itertools.pairwise(factors[: warmup + 1]))
    assert factors[warmup] == 1


def test_a_warm_up_that_never_ends_is_refused():
    with pytest.raises(ValueError, match=r"scheduler.warmup_steps=20: the training has 20 optimizer steps"):
        rates(partial(schedules.scheduled, shape=schedules.poly, warmup_steps=20), 20)


def test_a_shape_is_called_once_a_step_whatever_the_number_of_groups():
    calls = []

    def shape(progress):
        calls.append(progress)
        return 1 - progress

    groups = [{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(4)]
    scheduler = schedules.scheduled(torch.optim.SGD(groups, lr=1.0), 5, shape)
    for _ in range(5):
        scheduler.optimizer.step()
        scheduler.step()
    assert calls == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert scheduler.state_dict()["lr_lambdas"] == [None] * 4
