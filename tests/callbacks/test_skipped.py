"""The account of skipped samples in a training: as it happens, after a kill, over processes."""

import warnings

import pytest
import torch
from damaged import BAD, config, damaged

from atrous import build
from atrous.callbacks.skipped import SkippedSamples, read_skipped
from atrous.checkpoint import AtomicCheckpointIO

SMALL = (
    "data.on_bad_sample=skip",
    "data.num_workers=0",
    "model=unet_paper",
    "model.net.width=4",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=2",
    "callbacks=fixed_schedule",
)


@pytest.fixture
def root(tmp_path):
    return damaged(tmp_path / "data")


def fit(root, output, *options):
    cfg = config(root, output, *SMALL, *options)
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    trainer = build.training(cfg, layout.labels)
    trainer.fit(build.module(cfg, layout.labels), datamodule=data)
    return trainer


@pytest.mark.parametrize("num_workers", [0, 2])
def test_each_time_is_a_line_and_each_file_is_warned_of_once(root, tmp_path, capsys, num_workers):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        trainer = fit(root, tmp_path, f"data.num_workers={num_workers}", "trainer.max_steps=8")
    rows = read_skipped(tmp_path / "skipped.csv")
    assert {file for _, file, _ in rows} == {f"{root}/{name}" for name in BAD}
    assert len(rows) >= 6  # in two epochs
    said = [str(each.message) for each in told if "another sample takes its place" in str(each.message)]
    assert len(said) == 3
    assert all(any(f"{file}: {reason}" in each for each in said) for _, file, reason in rows)
    assert trainer.callback_metrics["train/skipped"] == len(rows)
    assert f"3 files could not be read, and others were taken {len(rows)} times" in capsys.readouterr().out


class Stop(Exception):
    pass


@pytest.mark.filterwarnings("ignore:.*another sample takes its place")
def test_the_file_is_written_as_it_happens_and_goes_on_where_a_checkpoint_does(root, tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    fit(root, whole, "trainer.max_steps=8")
    expected = read_skipped(whole / "skipped.csv")
    real, path = SkippedSamples.on_train_batch_end, tmp_path / "skipped.csv"

    def killed(self, trainer, *rest):
        real(self, trainer, *rest)
        if trainer.global_step == 6:
            raise Stop

    monkeypatch.setattr(SkippedSamples, "on_train_batch_end", killed)
    with pytest.raises(Stop):
        fit(root, tmp_path, "trainer.max_steps=8")
    assert read_skipped(path) == [row for row in expected if int(row[0]) <= 6]
    path.write_bytes(path.read_bytes() + b'7,"cut in the mid')  # as a kill leaves it
    account = SkippedSamples(tmp_path)
    account.on_train_start(_At(4), None)
    assert read_skipped(path) == [row for row in expected if int(row[0]) <= 4]
    account.on_train_start(_At(0), None)  # another run in the same folder
    assert read_skipped(path) == []


class _At:
    """A trainer of one process, going on after a step."""

    is_global_zero = True

    def __init__(self, step):
        self.global_step = step
        self.strategy = self

    def barrier(self):
        pass


def test_lines_of_several_processes_do_not_cut_into_each_other(tmp_path):
    account = SkippedSamples(tmp_path)
    account.on_train_start(_At(0), None)
    torch.multiprocessing.start_processes(_append_many, (tmp_path,), nprocs=2, start_method="fork")
    rows = read_skipped(tmp_path / "skipped.csv")
    assert len(rows) == 400
    assert {(file, reason) for _, file, reason in rows} == {(f"{rank}, a", "b\nc" * 500) for rank in range(2)}


@pytest.mark.filterwarnings("ignore:.*another sample takes its place")
def test_two_processes_keep_one_account(root, tmp_path, monkeypatch):
    # What processes that are forked hand back at their end are weights alone.
    monkeypatch.setattr(AtomicCheckpointIO, "load_checkpoint", lambda self, path, **_: torch.load(path))
    options = ("+trainer.strategy=ddp_fork", "trainer.devices=2", "trainer.val_check_interval=null")
    trainer = fit(root, tmp_path, *options, "trainer.max_steps=4", "~callbacks.progress_bar")
    rows = read_skipped(tmp_path / "skipped.csv")
    assert {file for _, file, _ in rows} == {f"{root}/{name}" for name in BAD}
    assert trainer.callback_metrics["train/skipped"] == len(rows)


def _append_many(rank, folder):
    account = SkippedSamples(folder)
    warnings.simplefilter("ignore")
    for _ in range(200):
        account.on_train_batch_start(_At(rank), None, {"skipped": [(f"{rank}, a", "b\nc" * 500)]}, 0)
