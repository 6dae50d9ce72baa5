"""data.on_bad_sample: what cannot be read is an error, or gives its place to another sample."""

import numpy as np
import pytest
import torch
from damaged import BAD, config, damaged
from PIL import Image

from atrous import build
from atrous.data import replacing
from atrous.data.batch import Skipped
from atrous.data.dataset import SampleKey, SegmentationDataset
from atrous.data.layouts.sources import Folders
from atrous.data.reading import Files
from atrous.labels import label_set

LABELS = label_set("mine", ["ground", "left", "right"])


@pytest.fixture
def root(tmp_path):
    return damaged(tmp_path / "data")


def loaded(root, output, num_workers, *options, epochs=3):
    cfg = config(root, output, "data.on_bad_sample=skip", f"data.num_workers={num_workers}", *options)
    layout = build.layout(cfg)
    loader = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout).train_dataloader()
    seen = []
    try:
        for epoch in range(epochs):
            loader.sampler.set_epoch(epoch)
            seen.extend(loader)
    finally:
        if num_workers:  # else the garbage collector waits 5 seconds for each
            loader._iterator._shutdown_workers()
    return seen


def same(batch, other):
    tensors = all(torch.equal(batch[name], other[name]) for name in ("images", "labels"))
    return tensors and all(batch[name] == other[name] for name in ("names", "skipped"))


MIXED = ("sampling=class_uniform", "mix=copy_paste", "mix.classes=[right]", "mix.probability=1.0")


@pytest.mark.parametrize("options", [(), ("mix=classmix",), MIXED, ("augment.device=true",)])
def test_batches_are_the_same_for_any_number_of_workers_and_after_a_restart(root, tmp_path, options):
    alone = loaded(root, tmp_path, 0, *options)
    for again in (loaded(root, tmp_path, 2, *options), loaded(root, tmp_path, 0, *options)):
        assert len(alone) == len(again) == 12
        assert all(same(batch, other) for batch, other in zip(alone, again, strict=True))


def test_bad_files_are_told_with_their_batch_and_nothing_else_changes(root, tmp_path):
    batches = loaded(root, tmp_path, 2)
    found = [skipped for batch in batches for skipped in batch["skipped"]]
    assert {each.file for each in found} == {f"{root}/{name}" for name in BAD}
    for each in found:
        assert each.reason.startswith(BAD[each.file.removeprefix(f"{root}/")])
    assert (
        len(found) >= 9
    )  # each was drawn in each of three epochs, and some were drawn again in another's place
    names = [name for batch in batches for name in batch["names"]]
    assert not {"picture1", "picture4", "picture6"} & set(names)
    untouched = [batch for batch in batches if not batch["skipped"]]
    for name in ("images/train/picture1.png", "labels/train/picture4.png", "labels/train/picture6.png"):
        (root / name).write_bytes((root / name.replace(name[-5], "0")).read_bytes())
    mended = {tuple(batch["names"]): batch for batch in loaded(root, tmp_path, 0)}
    assert untouched
    assert all(torch.equal(mended[tuple(each["names"])]["images"], each["images"]) for each in untouched)


def test_another_epoch_or_draw_takes_another_in_its_place(root):
    pairs = Folders()(root, "train")
    dataset = SegmentationDataset(pairs, Files(LABELS), None, seed=0, replace=True)
    places = [dataset[SampleKey(epoch, 1, draw)].name for epoch in range(8) for draw in range(2)]
    assert len(set(places)) > 2
    assert places == [dataset[SampleKey(epoch, 1, draw)].name for epoch in range(8) for draw in range(2)]


def test_what_takes_the_place_is_cut_around_the_class_if_it_shows_it(root):
    """A focus that it does not show would fail in the crop."""
    focuses = []

    def augment(image, labels, rng, focus=None):
        focuses.append((focus, (labels == 2).any()))
        return image, labels

    dataset = SegmentationDataset(Folders()(root, "train"), Files(LABELS), augment, seed=0, replace=True)
    for name in ("picture0", "picture2"):
        Image.new("L", (64, 48), 1).save(root / f"labels/train/{name}.png")
    for epoch in range(20):
        dataset[SampleKey(epoch, 1, 0, 2)]
    assert {focus == 2 for focus, _ in focuses} == {True, False}
    assert all((focus == 2) == shown for focus, shown in focuses)


def test_a_partner_that_cannot_be_read_is_replaced_and_told(root):
    class Fourth:
        def partner(self, num_samples, rng):
            return 4, 2

        def paste(self, first, second, rng):
            return second

    pairs = Folders()(root, "train")
    dataset = SegmentationDataset(pairs, Files(LABELS), None, seed=0, mix=Fourth(), replace=True)
    sample = dataset[SampleKey(0, 0)]
    assert sample.name == "picture0"
    assert sample.skipped[0].file == str(root / "labels/train/picture4.png")


def test_too_many_in_a_row_is_an_error(root, monkeypatch):
    for path in root.glob("images/train/*.png"):
        path.write_bytes(b"")
    dataset = SegmentationDataset(Folders()(root, "train"), Files(LABELS), None, seed=0, replace=True)
    with pytest.raises(
        ValueError, match=r"picture\d.png: .* empty.*the last of 100 samples in a row .*atrous inspect"
    ):
        dataset[SampleKey(0, 0)]
    monkeypatch.setattr(replacing, "MOST_ATTEMPTS", 3)
    reading = replacing.Replacing(dataset.pairs, dataset.read, np.random.default_rng(0))
    with pytest.raises(ValueError, match="the last of 3"):
        reading(0)
    assert [type(each) for each in reading.skipped] == [Skipped] * 3


@pytest.mark.parametrize("num_workers", [0, 2])
def test_without_the_choice_it_ends_the_epoch(root, tmp_path, num_workers):
    with pytest.raises(ValueError, match=r"picture[146]\.png: "):
        loaded(root, tmp_path, num_workers, "data.on_bad_sample=error")


def test_an_evaluation_never_skips(root, tmp_path):
    (root / "images/val/picture1.png").write_bytes(b"")
    cfg = config(root, tmp_path, "data.on_bad_sample=skip", "data.num_workers=0")
    layout = build.layout(cfg)
    data = build.data(cfg, build.pairs(cfg, layout, ("train", "val")), layout)
    with pytest.raises(ValueError, match=r"val/picture1\.png: .* empty"):
        list(data.val_dataloader())


def test_another_word_is_told(root, tmp_path):
    cfg = config(root, tmp_path, "data.on_bad_sample=ignore")
    layout = build.layout(cfg)
    with pytest.raises(ValueError, match=r"data\.on_bad_sample=ignore: expected error or skip"):
        build.data(cfg, build.pairs(cfg, layout, ("train",)), layout)
