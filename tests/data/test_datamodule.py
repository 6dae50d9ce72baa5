import errno
import multiprocessing

import fabricate
import pytest
import torch

from atrous import build
from atrous.data import processes
from atrous.data.batch import Sample, collate
from atrous.data.datamodule import SegmentationData
from atrous.data.layouts.sources import Folders
from atrous.data.reading import Files
from atrous.labels import label_set

LABELS = label_set("mine", ["ground", "left", "right"])


def loaded(composed, num_workers, *options):
    cfg = composed("train", f"data.num_workers={num_workers}", *options)
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    loader = data.train_dataloader()
    seen = []
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        seen.append(list(loader))
    return seen


@pytest.mark.parametrize("options", [(), ("sampling=class_uniform", "mix=classmix")])
def test_batches_do_not_depend_on_the_number_of_workers(composed, options):
    alone, four = loaded(composed, 0, *options), loaded(composed, 4, *options)
    for epoch_a, epoch_b in zip(alone, four, strict=True):
        assert len(epoch_a) == len(epoch_b) == 3
        for a, b in zip(epoch_a, epoch_b, strict=True):
            assert a["names"] == b["names"]
            assert torch.equal(a["images"], b["images"])
            assert torch.equal(a["labels"], b["labels"])
    assert not torch.equal(alone[0][0]["images"], alone[1][0]["images"])  # another epoch is another draw


def test_where_memory_may_not_be_reserved_batches_go_torch_s_way(composed, monkeypatch):
    """As ulimit -v of a cluster's job, or vm.overcommit_memory=2."""
    (expected, _) = loaded(composed, 0)

    def refuse(*_, **__):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("mmap.mmap", refuse)
    (found, _) = loaded(composed, 1)
    for a, b in zip(expected, found, strict=True):
        assert torch.equal(a["images"], b["images"])


def test_rare_classes_are_seen_more(composed):
    """In the labels that leave the loader, as shares of the pixels."""

    def share(*options):
        options = ("data.crop_size=[24,24]", "augment=crop", *options)
        batches = [batch["labels"] for epoch in loaded(composed, 0, *options) for batch in epoch]
        return (torch.stack(batches) == 4).float().mean().item()

    plain, by_class, pasted = (
        share(),
        share("sampling=class_uniform", "sampling.share=1.0"),
        share("mix=copy_paste", "mix.classes=[ring]", "mix.probability=1.0"),
    )
    assert by_class > 1.5 * plain
    assert pasted > 1.5 * plain


def test_evaluation_reads_every_picture_once_at_native_size(tmp_path):
    fabricate.folder(tmp_path)
    pairs = {"val": Folders()(tmp_path, "val")}
    data = SegmentationData(pairs, Files(LABELS), seed=0, batch_size=8, eval_batch_size=2, num_workers=0)
    batches = list(data.val_dataloader())
    assert [name for batch in batches for name in batch["names"]] == [pair.name for pair in pairs["val"]]
    assert batches[0]["images"].shape == (2, 3, 48, 64)
    assert batches[0]["images"].dtype == torch.uint8


def test_too_few_pictures_for_a_batch(tmp_path):
    fabricate.folder(tmp_path)
    pairs = {"train": Folders()(tmp_path, "train")}
    data = SegmentationData(pairs, Files(LABELS), seed=0, batch_size=9, num_workers=0)
    with pytest.raises(
        ValueError, match=r"8 pictures, too few for one batch of data.batch_size=9 on each of 1 devices"
    ):
        data.train_dataloader()


def test_sizes_that_fit_no_batch():
    samples = [Sample(torch.zeros(3, *size), torch.zeros(size), "x") for size in ((4, 5), (5, 4))]
    with pytest.raises(ValueError, match=r"\[\(4, 5\), \(5, 4\)\].*set data.eval_batch_size=1"):
        collate(samples)


def test_colors_change_on_the_device_by_the_sample_s_key(composed):
    """The workers leave the colours alone; what the hook makes of a batch is the same for any workers."""
    plain = loaded(composed, 0, "augment=geometric")
    cfg = composed("train", "augment.device=true", "data.num_workers=0")
    layout = build.layout(cfg)
    hook = build.data(cfg, build.pairs(cfg, layout, ("train",)), layout).on_after_batch_transfer
    changed = []
    for num_workers in (0, 2):
        drawn = loaded(composed, num_workers, "augment.device=true")
        for epoch, epoch_plain in zip(drawn, plain, strict=True):
            for batch, other in zip(epoch, epoch_plain, strict=True):
                assert torch.equal(batch["images"], other["images"])
                assert batch["colors"].shape == (len(batch["names"]), 4)
        images = [hook(batch, 0)["images"] for epoch in drawn for batch in epoch]
        changed.append(torch.stack(images))
    assert torch.equal(*changed)
    assert changed[0].dtype == torch.float32
    difference = changed[0] - torch.stack([batch["images"] for epoch in plain for batch in epoch])
    assert 5 < difference.abs().mean() < 80
    assert hook({**plain[0][0]}, 0)["images"].dtype == torch.uint8  # an evaluation's batch


def test_no_colors_change_where_none_were_chosen(composed):
    for options in (("augment=geometric",), ("augment.device=true", "augment.photometric=null")):
        assert loaded(composed, 0, *options)[0][0]["colors"] is None


def own_memory(process_id):
    """Bytes that belong to a process alone: what it has mapped of a cache's files does not count."""
    with open(f"/proc/{process_id}/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))


@pytest.mark.parametrize("kind", ["none", "disk"])
def test_memory_is_flat_over_epochs(composed, tmp_path, kind):
    options = ("data.num_workers=1", f"data.cache={kind}", f"data.cache_dir={tmp_path}/pixels")
    cfg = composed("train", *options, "sampling=class_uniform", "mix=classmix", "data.batch_size=2")
    layout = build.layout(cfg)
    loader = build.data(cfg, build.pairs(cfg, layout, ("train",)), layout).train_dataloader()
    seen, others = [], set(multiprocessing.active_children())
    for epoch in range(40):
        loader.sampler.set_epoch(epoch)
        for _ in loader:
            pass
        (worker,) = set(multiprocessing.active_children()) - others
        seen.append((own_memory(worker.pid), own_memory("self")))
    for early, late in zip(seen[10], seen[-1], strict=True):
        assert late - early < 2**20  # a sample has 16 KB, and 360 of them were drawn in between


def test_workers_are_as_many_as_cores_that_may_be_used(composed, monkeypatch, tmp_path):
    cfg = composed("train", "data.num_workers=null")
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train",)), layout)
    for cores, workers in ((1, 1), (3, 3), (64, 16)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        assert data.train_dataloader().num_workers == workers
    for limit, workers in (("max 100000", 16), ("250000 100000", 2), ("10000 100000", 1), ("", 16)):
        (tmp_path / "cpu.max").write_text(limit)
        monkeypatch.setattr(processes, "CPU_LIMIT", tmp_path / "cpu.max")
        assert data.train_dataloader().num_workers == workers
