"""Rows of a sweep: their order, their columns, their means over seeds."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.sweeps.folder import Outcome
from atrous.sweeps.studies import of_outcomes
from atrous.sweeps.table import columns, ordered, seeds, short, varied

ROWS = [
    Outcome("0", {"model": "unet", "seed": "0"}, "failed"),
    Outcome("1", {"model": "unet", "seed": "1"}, "finished", 0.2),
    Outcome("2", {"model": "unet", "seed": "2"}, "finished", 0.4),
    Outcome("3", {"model": "unet", "seed": "3"}, "pruned", 0.9),
]


@pytest.mark.parametrize(("direction", "runs"), [("maximize", "2130"), ("minimize", "1230")])
def test_the_best_stands_first_and_a_pruned_run_behind_all_that_finished(direction, runs):
    assert "".join(each.run for each in ordered(ROWS, direction)) == runs


def test_columns():
    assert columns(ROWS) == ["model", "seed"]
    assert varied(ROWS) == ["seed"]
    assert varied(ROWS[:1]) == []


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5), st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_means_over_seeds_are_of_finished_runs_that_differ_in_nothing_else(several, others):
    rows = [
        Outcome(f"{model}{seed}", {"model": model, "seed": str(seed)}, "finished", value)
        for model, values in (("unet", several), ("fpn", others[:1]))
        for seed, value in enumerate(values)
    ]
    (group,) = seeds([*rows, Outcome("x", {"model": "unet", "seed": "9"}, "pruned", 1.0)])
    assert group.given == {"model": "unet"}
    assert group.num == len(several)
    assert group.mean == pytest.approx(statistics.fmean(several))
    assert group.deviation == pytest.approx(statistics.stdev(several))


def test_how_a_run_was_gone_on_with_makes_no_other_options():
    """As of a sweep that was stopped after its first run, and of which older versions kept resume too."""
    later = {"resume": "auto", "data.num_workers": "4"}
    rows = [
        Outcome(str(seed), {"lr": "0.1", "seed": str(seed)} | (later if seed else {}), "finished", value)
        for seed, value in enumerate((0.5, 0.6, 0.7))
    ]
    (group,) = seeds(rows)
    assert (group.num, group.mean) == (3, pytest.approx(0.6))
    assert {key for trial in of_outcomes(rows, "maximize").trials for key in trial.params} == {"seed"}


def test_no_means_where_no_seed_was_given():
    assert seeds([Outcome(run, {}, "finished", 0.5) for run in "01"]) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [("0.0012520653814999472", "0.001252"), ("3.3e-05", "3.3e-05"), ("[cross_entropy,dice]",) * 2],
)
def test_a_drawn_number_is_shown_with_four_digits(value, shown):
    assert short(value) == shown
