"""`atrous cache` as people run it, and a training that reads what it left."""

import re

import fabricate
import pytest
from conftest import compose_command

from atrous import build
from atrous.data import cached

CACHE = ("-m", "atrous", "cache", "data=cityscapes")


@pytest.fixture
def tree(tmp_path):
    """A Cityscapes tree."""
    fabricate.cityscapes(tmp_path / "cityscapes")
    return tmp_path / "cityscapes"


def refused(*args, **kwargs):
    raise AssertionError("decoded again")


def test_a_data_set_is_decoded_once_and_then_read(command, tree, tmp_path, monkeypatch):
    options = [f"data.root={tree}", f"data.cache_dir={tmp_path}/pixels"]
    found = {}
    for num_workers in (2, 0):
        told = command.succeed(*CACHE, *options, f"data.num_workers={num_workers}")
        pattern = r"(\d+) of \1 pairs are there, 0\.\d+ GB; (\d+) files were decoded in \d+ s"
        counted = re.search(pattern, told)
        assert counted is not None
        assert int(counted[2]) == (2 * int(counted[1]) if num_workers == 2 else 0)
        assert f"data.cache=disk data.cache_dir={tmp_path}/pixels" in told
        found[num_workers] = [(path.name, path.stat().st_size) for path in (tmp_path / "pixels").iterdir()]
    assert sorted(found[2]) == sorted(found[0])  # the second time nothing was written
    cfg = compose_command("train", ["data=cityscapes", *options, "data.cache=disk"], tmp_path)
    layout = build.layout(cfg)
    read = build.reader(cfg, layout)
    monkeypatch.setattr(cached, "read_image", refused)  # would be called, were there anything to decode
    monkeypatch.setattr(cached, "read_labels", refused)
    pairs = [pair for found in build.pairs(cfg, layout, ("train", "val")).values() for pair in found]
    assert all(image.shape[:2] == truth.shape for image, truth in map(read, pairs))


def test_what_cannot_be_read_is_listed_and_the_rest_is_kept(command, tree, tmp_path):
    broken = sorted((tree / "leftImg8bit" / "train").rglob("*.png"))[0]
    broken.write_bytes(broken.read_bytes()[:100])
    told = command.fail(*CACHE, f"data.root={tree}", f"data.cache_dir={tmp_path}/pixels")
    assert f"{broken}: cannot be read as a picture" in told
    assert sum(path.stat().st_size for path in (tmp_path / "pixels").glob("*.pixels")) > 0


def test_pictures_of_several_stages_are_decoded_once_and_those_without_labels_too(command, tree, tmp_path):
    options = [f"data.root={tree}", f"data.cache_dir={tmp_path}/pixels", "data.num_workers=0"]
    told = command.succeed(*CACHE, *options, "stages=[train,val]", "data.splits.val=train")
    assert "8 of 8 pairs are there" in told
    told = command.succeed(*CACHE, *options, "stages=[test]")
    assert re.search(r"(\d+) of \1 pairs are there", told)
    assert not (command.folder / "cache.log").exists()


def test_wrong_words(command, tree, tmp_path):
    told = command.fail(*CACHE, f"data.root={tree}", "stages=[trian]")
    assert "stages=['trian']: expected a list of train, val, test" in told
    told = command.fail(*CACHE, f"data.root={tree}", "stages=[[train]]")
    assert "stages=[['train']]: expected a list of train, val, test" in told
    (tmp_path / "file").write_text("")
    told = command.fail(*CACHE, f"data.root={tree}", f"data.cache_dir={tmp_path}/file/pixels")
    assert "cannot be made (Not a directory)" in told
