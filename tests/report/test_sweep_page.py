"""The page of a sweep, in a browser: its table, its links, its plots, and what it says where it has none."""

import optuna
import pytest

from atrous.build.sweeps import WITHOUT, sweep_page
from atrous.sweeps.folder import Outcome, write_outcome
from atrous.sweeps.studies import of_outcomes, stored
from atrous.sweeps.table import ordered

GRID = [
    Outcome(f"{run}", {"model": "unet", "loss": loss, "optimizer.lr": lr, "seed": seed}, "finished", value)
    for run, (loss, lr, seed, value) in enumerate(
        [
            ("[cross_entropy]", "0.001", "0", 0.51),
            ("[cross_entropy]", "0.001", "1", 0.53),
            ("[dice]", "0.01", "0", 0.41),
            ("[dice]", "0.01", "1", 0.43),
        ]
    )
]
FAILED = Outcome("4", {"model": "unet", "loss": "<b>", "optimizer.lr": "9", "seed": "2"}, "failed")


def page_of(folder, outcomes):
    for each in outcomes:
        write_outcome(folder, each)
    return sweep_page(folder, ordered(outcomes, "maximize"), "val/miou", "maximize")


def texts(page, selector):
    return [each.strip() for each in page.locator(selector).all_text_contents()]


def test_a_grid(tmp_path, open_page):
    page = open_page(page_of(tmp_path / "sweep", [*GRID, FAILED]))
    assert page.title() == "Sweep sweep"
    assert "All runs: model=unet" in page.inner_text("body")
    assert texts(page, "tbody tr td:nth-child(3)") == ["0.5300", "0.5100", "0.4300", "0.4100", "-"]
    assert texts(page, "tbody tr:last-child td") == ["4", "failed", "-", "<b>", "9", "2"]
    assert texts(page, ".tile b") == ["0.5300", "0.5200 ± 0.0141", "0.4200 ± 0.0141"]
    page.click("th:has-text('optimizer.lr')")
    assert texts(page, "tbody tr:first-child td:first-child") == ["4"]
    assert page.locator("tbody a").first.get_attribute("href") == "4/"
    page.wait_for_selector("figure .main-svg")
    assert page.locator("figure").count() == 2
    assert {"loss", "optimizer.lr", "seed"} <= set(texts(page, "figure:first-child text"))
    assert "PED-ANOVA" in page.inner_text("body")


def test_pruned_trials_have_a_course(tmp_path, open_page):
    study = stored(tmp_path, "maximize")
    for number, (rate, values) in enumerate({0.1: [0.2, 0.4], 0.01: [0.3, 0.5], 1.0: [0.1]}.items()):
        trial = study.ask({"optimizer.lr": optuna.distributions.FloatDistribution(1e-3, 1, log=True)})
        for percent, value in zip((50, 100), values, strict=False):
            trial.report(value, percent)
        pruned = len(values) == 1
        study.tell(trial, None if pruned else values[-1], optuna.trial.TrialState.PRUNED if pruned else None)
        state = "pruned" if pruned else "finished"
        write_outcome(tmp_path, Outcome(str(number), {"optimizer.lr": str(rate)}, state, values[-1]))
    page = open_page(page_of(tmp_path, []))
    page.wait_for_selector("figure .main-svg")
    assert page.locator("figure").count() == 3
    assert "percent of the training" in page.inner_text("figure:last-child")


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (GRID[:1], "The plots need two finished runs with different options."),
        (
            [GRID[0], Outcome("1", {"model": "fpn"}, "finished", 0.51)],
            "all finished runs have the same objective",
        ),
        ([], "The plots need two finished runs with different options."),
    ],
)
def test_what_a_page_cannot_show(outcomes, said, tmp_path):
    assert said in page_of(tmp_path, outcomes).read_text()


def test_without_optuna_there_is_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr("atrous.build.sweeps.find_spec", lambda name: None)
    page = page_of(tmp_path, GRID).read_text()
    assert WITHOUT.replace("'", "&#39;") in page
    assert "0.5300" in page
    assert len(page) < 20_000


def test_a_grid_is_a_study_of_its_finished_runs():
    study = of_outcomes([*GRID, FAILED], "minimize")
    assert [trial.params for trial in study.get_trials()] == [
        {
            "loss": each.given["loss"],
            "optimizer.lr": float(each.given["optimizer.lr"]),
            "seed": float(each.given["seed"]),
        }
        for each in GRID
    ]
    assert study.best_value == 0.41
