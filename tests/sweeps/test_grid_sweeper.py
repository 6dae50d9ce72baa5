"""A grid goes on where it was stopped, may grow, and is shared."""

from contextlib import ExitStack

import pytest
from sweepers import Launcher, swept

from atrous.sweeps.folder import Outcome, alone, claim, read_outcomes, write_outcome
from atrous.sweeps.runs import numbered
from hydra_plugins.atrous_grid import ONE_BY_ONE, GridSweeper


def test_a_grid_that_was_stopped_runs_what_is_not_finished(tmp_path):
    stopped = Launcher(tmp_path, stop_at=1)
    with pytest.raises(KeyboardInterrupt):
        swept(GridSweeper(), stopped, "lr=0.1,0.2,0.3")
    assert stopped.values == [0.1]
    again = Launcher(tmp_path)
    assert swept(GridSweeper(), again, "lr=0.1,0.2,0.3") == [0.2, 0.3]
    assert again.batches == [[1, 2]]
    assert swept(GridSweeper(), Launcher(tmp_path), "lr=0.1,0.2,0.3") == []


def test_a_grid_that_grows_keeps_the_numbers_of_its_runs(tmp_path):
    swept(GridSweeper(), Launcher(tmp_path), "lr=0.1,0.3")
    grown = Launcher(tmp_path)
    assert swept(GridSweeper(), grown, "lr=0.1,0.2,0.3") == [0.2]
    assert grown.batches == [[2]]


def test_what_changes_nothing_of_a_run_makes_no_other_run():
    known = [Outcome("4", {"lr": "0.1", "resume": "auto", "logger.wandb.api_key": "<redacted>"})]
    jobs = [["lr=0.2"], ["lr=0.1", "logger.wandb.api_key=hunter2"]]
    assert numbered(jobs, known) == {0: jobs[0], 4: jobs[1]}
    assert numbered([["lr=0.1"]] * 2, known) == {4: ["lr=0.1"], 0: ["lr=0.1"]}  # said twice, run twice


def test_the_command_line_wins_over_the_file(tmp_path):
    sweeper = GridSweeper({"seed": "0", "lr": "0.1,0.2"})
    assert swept(sweeper, Launcher(tmp_path / "a"), "seed=1", "lr=0.3") == [0.3]
    assert swept(sweeper, Launcher(tmp_path / "b"), "++lr=0.3,0.4") == [0.3, 0.4]


def test_a_run_that_another_process_is_at_work_on_is_its_own(tmp_path):
    with alone(tmp_path):
        held = claim(tmp_path, "1")
    with held:
        assert swept(GridSweeper(), Launcher(tmp_path), "lr=0.1,0.2,0.3") == [0.1, 0.3]
    assert swept(GridSweeper(), Launcher(tmp_path), "lr=0.1,0.2,0.3") == [0.2]


class OneByOne(Launcher):
    """Hydra's own runs its jobs one after another."""

    target = ONE_BY_ONE


class Meanwhile(OneByOne):
    """Something happens while the first run is at work."""

    def __init__(self, folder, happens):
        super().__init__(folder)
        self.happens = happens

    def launch(self, jobs, initial_job_idx):
        if not self.batches:
            self.happens()
        return super().launch(jobs, initial_job_idx)


def test_what_a_process_has_left_that_ended_meanwhile_is_taken_up(tmp_path):
    write_outcome(tmp_path, Outcome("0", {"lr": "0.1"}))
    with alone(tmp_path):
        held = claim(tmp_path, "0")
    launcher = Meanwhile(tmp_path, held.close)
    assert swept(GridSweeper(), launcher, "lr=0.1,0.2,0.3") == [0.2, 0.1, 0.3]
    assert launcher.batches == [[1], [0], [2]]


def test_grids_of_two_processes_that_grow_one_folder_at_once(tmp_path):
    """Neither gives a run the number of the other's that has not begun."""
    other = OneByOne(tmp_path)
    launcher = Meanwhile(tmp_path, lambda: swept(GridSweeper(), other, "lr=0.3,0.4"))
    assert swept(GridSweeper(), launcher, "lr=0.1,0.2") == [0.1, 0.2]
    assert other.values == [0.3, 0.4]
    found = {each.run: each.given["lr"] for each in read_outcomes(tmp_path)}
    assert found == {"0": "0.1", "1": "0.3", "2": "0.4", "3": "0.2"}


@pytest.mark.parametrize("launcher", [Launcher, OneByOne])
def test_a_run_that_fails_is_tried_once_by_all_and_again_by_the_next_sweep(launcher, tmp_path):
    def failing():
        made = launcher(tmp_path)
        swept(GridSweeper(), made, "lr=nan,0.2")
        return made.batches

    first = failing()
    assert sorted(number for batch in first for number in batch) == [0, 1]
    assert failing() == [[0]]
    beside = Meanwhile(tmp_path, lambda: write_outcome(tmp_path, Outcome("3", {"lr": "0.3"}, "failed")))
    swept(GridSweeper(), beside, "lr=0.1,0.2,0.3")
    assert beside.batches == [[2]]


@pytest.mark.parametrize(
    ("launcher", "num_parallel", "batches"),
    [(Launcher, None, [[0, 1, 2]]), (Launcher, 2, [[0, 1], [2]]), (OneByOne, None, [[0], [1], [2]])],
)
def test_how_many_runs_a_launcher_gets_at_once(launcher, num_parallel, batches, tmp_path):
    made = launcher(tmp_path)
    swept(GridSweeper(num_parallel=num_parallel), made, "lr=0.1,0.2,0.3")
    assert made.batches == batches


@pytest.mark.parametrize(
    ("options", "resume", "hydra", "said"),
    [
        (
            {"num_parallel": 0},
            None,
            (),
            r"hydra\.sweeper\.num_parallel=0: expected a whole number, 1 or more",
        ),
        ({"direction": "up"}, None, (), r"hydra\.sweeper\.direction=up: expected maximize or minimize"),
        ({}, None, ("hydra.sweep.subdir=a",), r"hydra\.sweep\.subdir=a: .*folders of their numbers"),
    ],
)
def test_wrong_input(options, resume, hydra, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        swept(GridSweeper(**options), Launcher(tmp_path), "lr=0.1,0.2", resume=resume, hydra=hydra)


def test_a_folder_that_holds_a_sweep_is_refused_before_anything_runs(tmp_path):
    swept(GridSweeper(), Launcher(tmp_path), "lr=0.1,0.2", resume=None)
    second = Launcher(tmp_path)
    with pytest.raises(ValueError, match="holds a sweep already; resume=auto goes on with it"):
        swept(GridSweeper(), second, "lr=0.3,0.4", resume=None)
    assert second.batches == []


def test_the_command_line_is_not_written(tmp_path):
    """Hydra's own sweeper writes multirun.yaml, with every secret that was given."""
    swept(GridSweeper(), Launcher(tmp_path), "+token=hunter2", "lr=0.1,0.2")
    assert not any("hunter2" in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_claims_end(tmp_path):
    from atrous.sweeps.runs import claimed

    with ExitStack() as claims, alone(tmp_path):
        assert claimed(tmp_path, 0, claims)
        assert not claimed(tmp_path, 0, claims)
    with ExitStack() as claims, alone(tmp_path):
        assert claimed(tmp_path, 0, claims)
