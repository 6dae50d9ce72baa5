"""The search space in Hydra's grammar, as Optuna's distributions; trials chosen, shared, told."""

import os
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import InstantiationException
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweepers import Launcher, swept

from atrous.sweeps.folder import STUDY, alone, claim, read_outcomes, write_pruned
from atrous.sweeps.search_space import distribution
from atrous.sweeps.studies import PRUNER, stored
from hydra_plugins.atrous_optuna import OptunaSweeper


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("a=interval(0,1)", FloatDistribution(0, 1)),
        ("a=tag(log,interval(1e-4,1e-2))", FloatDistribution(1e-4, 1e-2, log=True)),
        ("a=int(interval(1,8))", IntDistribution(1, 8)),
        ("a=tag(log,int(interval(1,64)))", IntDistribution(1, 64, log=True)),
        ("a=range(1,10,2)", IntDistribution(1, 9, step=2)),
        ("a=range(0,3)", IntDistribution(0, 2)),
        ("a=range(0.0,1.0,0.25)", FloatDistribution(0, 0.75, step=0.25)),
        ("a=choice(x,y)", CategoricalDistribution(["x", "y"])),
        ("a=1,2", CategoricalDistribution(["1", "2"])),
    ],
)
def test_search_space(override, expected):
    assert distribution(OverridesParser.create().parse_override(override)) == expected


SPACE = "lr=interval(0,1)"


def states(folder):
    return [trial.state.name for trial in stored(folder).get_trials(deepcopy=False)]


def test_a_sweep_that_goes_on_tries_what_it_would_have_tried(tmp_path):
    whole = swept(OptunaSweeper(6, seed=0), Launcher(tmp_path / "whole"), SPACE)
    assert len(set(whole)) == 6
    stopped = Launcher(tmp_path / "stopped", stop_at=3)
    with pytest.raises(KeyboardInterrupt):
        swept(OptunaSweeper(6, seed=0), stopped, SPACE)
    assert states(stopped.folder)[3] == "RUNNING"
    again = swept(OptunaSweeper(6, seed=0), Launcher(stopped.folder), SPACE)
    assert stopped.values + again == whole


def test_what_a_living_process_is_at_work_on_is_its_own(tmp_path):
    """Another sweep of this folder runs trial 3 while this one starts: it counts, and is not run twice."""
    stopped = Launcher(tmp_path, stop_at=3)
    with pytest.raises(KeyboardInterrupt):
        swept(OptunaSweeper(6, seed=0), stopped, SPACE)
    with alone(tmp_path):
        held = claim(tmp_path, "3")
    with held:
        other = Launcher(tmp_path)
        swept(OptunaSweeper(6, seed=0), other, SPACE)
        assert other.batches == [[4], [5]]
    last = Launcher(tmp_path)
    swept(OptunaSweeper(6, seed=0), last, SPACE)
    assert last.batches == [[3]]
    assert states(tmp_path) == ["COMPLETE"] * 6


def test_several_at_once(tmp_path):
    launcher = Launcher(tmp_path)
    swept(OptunaSweeper(5, num_parallel=2, seed=0), launcher, SPACE)
    assert launcher.batches == [[0, 1], [2, 3], [4]]
    assert len(set(launcher.values)) == 5


def test_a_pruned_trial_counts_and_is_not_a_failed_one(tmp_path):
    values = swept(OptunaSweeper(6, seed=0), Launcher(tmp_path, prune_below=0.5), SPACE)
    assert len(values) == 6
    expected = ["PRUNED" if value < 0.5 else "COMPLETE" for value in values]
    assert set(expected) == {"PRUNED", "COMPLETE"}
    assert states(tmp_path) == expected


def test_a_trial_that_was_pruned_before_the_sweep_was_stopped_is_not_run_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        swept(OptunaSweeper(2, seed=0), Launcher(tmp_path, stop_at=1), SPACE)
    write_pruned(tmp_path / "1", 5, 0.1)
    assert swept(OptunaSweeper(2, seed=0), Launcher(tmp_path), SPACE) == []
    assert states(tmp_path) == ["COMPLETE", "PRUNED"]


def test_a_trial_whose_choosing_was_interrupted_gets_the_values_that_it_lacks(tmp_path):
    stored(tmp_path, "maximize").ask()
    (value,) = swept(OptunaSweeper(1, seed=0), Launcher(tmp_path), SPACE)
    assert stored(tmp_path).best_params == {"lr": value}


def test_a_sampler_with_a_seed_draws_nothing_twice_in_a_sweep_that_goes_on(tmp_path):
    sampler = {"_target_": "optuna.samplers.RandomSampler", "seed": 0}
    whole = swept(OptunaSweeper(4, sampler=sampler), Launcher(tmp_path / "whole"), SPACE)
    assert swept(OptunaSweeper(4, sampler=sampler), Launcher(tmp_path / "again"), SPACE) == whole
    first = swept(OptunaSweeper(2, sampler=sampler), Launcher(tmp_path / "stopped"), SPACE)
    assert first == whole[:2]
    assert not set(swept(OptunaSweeper(4, sampler=sampler), Launcher(tmp_path / "stopped"), SPACE)) & set(
        whole
    )


def test_what_a_job_has_raised_is_raised(tmp_path):
    """A defect of this program is no failed trial: those are told without an error."""

    class Broken(Launcher):
        def launch(self, jobs, initial_job_idx):
            return [JobReturn(status=JobStatus.FAILED, _return_value=RuntimeError("broken"))]

    with pytest.raises(RuntimeError, match="broken"):
        swept(OptunaSweeper(1), Broken(tmp_path), SPACE)
    assert states(tmp_path) == ["RUNNING"]


def test_the_lock_of_a_study_leads_to_its_file(tmp_path, monkeypatch):
    """Optuna waits without end for one that a killed process has left, if it cannot see how old it is."""
    seen = []

    def symlink(target, link, own=os.symlink):
        own(target, link)
        seen.append(os.path.exists(link))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.symlink", symlink)
    Path("runs").mkdir()
    stored(Path("runs"), "maximize").ask()
    assert seen
    assert all(seen)


MEDIAN = {"_target_": "optuna.pruners.MedianPruner"}


def test_the_trials_find_the_pruner_of_this_sweep(tmp_path):
    swept(OptunaSweeper(1, pruner=MEDIAN), Launcher(tmp_path), SPACE)
    assert stored(tmp_path).user_attrs[PRUNER] == MEDIAN
    swept(OptunaSweeper(1), Launcher(tmp_path), SPACE)
    assert stored(tmp_path).user_attrs[PRUNER] is None


@pytest.mark.parametrize(
    ("options", "arguments", "said"),
    [
        ({}, ["lr=0.1"], "needs a search space: give one such as"),
        ({}, ["lr=glob(*)"], r"lr=glob\(\*\): expected interval, range or choice"),
        ({"num_jobs": 0}, [SPACE], r"hydra\.sweeper\.num_jobs=0: expected a whole number"),
        ({"direction": "max"}, [SPACE], r"hydra\.sweeper\.direction=max: expected maximize or minimize"),
        (
            {"pruner": {"_target_": "optuna.pruners.MedianPrunr"}},
            [SPACE],
            r"_target_=optuna\.pruners\.MedianPrunr: no pruner of Optuna's, did you mean MedianPruner; ",
        ),
        ({"pruner": {"_target_": "os.system"}}, [SPACE], r"hydra\.sweeper\.pruner names 'os\.system', which"),
        ({"pruner": {**MEDIAN, "n_warmup": 3}}, [SPACE], "unexpected keyword argument 'n_warmup'"),
    ],
)
def test_wrong_input(options, arguments, said, tmp_path):
    with pytest.raises((ValueError, InstantiationException), match=said):
        swept(OptunaSweeper(**{"num_jobs": 2, **options}), Launcher(tmp_path), *arguments)
    assert not (tmp_path / "0").exists()


def test_a_study_is_not_turned_round(tmp_path):
    swept(OptunaSweeper(1), Launcher(tmp_path), SPACE)
    with pytest.raises(ValueError, match="was begun with maximize; give this, or"):
        swept(OptunaSweeper(2, direction="minimize"), Launcher(tmp_path), SPACE)


def test_a_line_that_a_full_disk_has_cut_does_not_spoil_the_next(tmp_path):
    values = swept(OptunaSweeper(2, seed=0), Launcher(tmp_path), SPACE)
    whole = (tmp_path / STUDY).read_bytes()
    *lines, last = whole.splitlines(keepends=True)
    (tmp_path / STUDY).write_bytes(b"".join(lines) + last[: len(last) // 2])  # in which trial 1 was told
    assert states(tmp_path) == ["COMPLETE", "RUNNING"]
    assert swept(OptunaSweeper(3, seed=0), Launcher(tmp_path), SPACE)[0] == values[1]
    assert states(tmp_path) == ["COMPLETE"] * 3


@pytest.mark.filterwarnings("ignore:BruteForceSampler is experimental")
@pytest.mark.parametrize(
    "sampler",
    [{"_target_": "BruteForceSampler"}, {"_target_": "GridSampler", "search_space": {"lr": ["1", "2", "3"]}}],
    ids=["brute", "grid"],
)
def test_samplers_that_end_when_they_have_tried_all(sampler, tmp_path):
    chosen = sampler | {"_target_": f"optuna.samplers.{sampler['_target_']}", "seed": 0}
    values = swept(OptunaSweeper(9, sampler=chosen), Launcher(tmp_path), "lr=1,2,3")
    assert sorted(values) == [1, 2, 3]
    assert swept(OptunaSweeper(9, sampler=chosen), Launcher(tmp_path), "lr=1,2,3") == []


def test_the_command_line_wins_over_the_file_however_it_is_prefixed(tmp_path):
    sweeper = OptunaSweeper(2, seed=0, params={"lr": "interval(0,1)", "width": "choice(1,2)"})
    assert set(swept(sweeper, Launcher(tmp_path), "++lr=0.5")) <= {1, 2}
    assert [each.given["++lr"] for each in read_outcomes(tmp_path)] == ["0.5"] * 2
    assert "lr" not in read_outcomes(tmp_path)[0].given
