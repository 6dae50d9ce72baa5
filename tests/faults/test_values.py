"""What is logged is in a file of ours, complete to the last logged step, whatever happens to a logger's."""

import json
import signal

import pytest
from fault_runs import values
from injected import fault

from atrous.callbacks.loggers.values import Values
from atrous.run_folder import read_values


def test_a_killed_run_with_wandb_offline(trainings, unbroken):
    done = trainings(
        "hydra.run.dir=run", "logger=wandb", "logger.wandb.offline=true", fault("KILL", "batch_start", 7)
    )
    assert done.code == -signal.SIGKILL
    run = trainings.folder / "run"
    assert list(run.glob("wandb/offline-run-*"))
    whole = [line for line in values(unbroken()) if line["step"] <= 7]
    assert values(run) == whole
    assert [line["step"] for line in whole if "train/loss" in line] == [1, 2, 3, 4, 5, 6, 7]
    assert [line["step"] for line in whole if "val/miou" in line] == [2, 4, 6]


def test_a_line_that_a_kill_has_cut_is_left_out(tmp_path):
    file = Values(tmp_path)
    file.log_metrics({"loss": 0.5}, step=0)
    file.log_metrics({"loss": float("nan"), "iou": float("inf")}, step=1)
    assert read_values(tmp_path) == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": None, "iou": None}]
    with (tmp_path / "values.jsonl").open("a") as opened:
        opened.write(json.dumps({"step": 3, "loss": 0.25})[:-4])
    assert len(read_values(tmp_path)) == 2
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "values.jsonl").write_text("no JSON\n")
    with pytest.raises(ValueError, match=r"values\.jsonl: damaged .* take it away"):
        read_values(tmp_path / "bad")
    again = Values(tmp_path)
    again.num_lines = 1
    again.log_metrics({"loss": 0.125}, step=1)
    assert read_values(tmp_path) == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.125}]
    elsewhere = Values(tmp_path / "elsewhere")  # of a checkpoint that went without its values
    elsewhere.num_lines = 7
    elsewhere.log_metrics({"loss": 0.5}, step=8)
    assert elsewhere.num_lines == 1
