"""Every choice in conf/data says what it expects when it is not there."""

import importlib
import re

import fabricate
import pytest
from conftest import compose_command

from atrous import build
from atrous.configs import config_folder

CHOICES = sorted(
    path.stem
    for path in (config_folder() / "data").glob("*.yaml")
    if not path.stem.startswith("_") and path.stem != "synthetic"  # which draws what is missing
)


def composed_data(choice, root, tmp_path):
    options = fabricate.MINE if choice == "folder" else []
    return compose_command("train", [f"data={choice}", f"data.root={root}", *options], tmp_path)


def tree_of(cfg):
    return importlib.import_module(cfg.data.layout["_target_"].rpartition(".")[0]).__doc__


@pytest.mark.parametrize("choice", CHOICES)
def test_a_missing_root_shows_the_tree(choice, tmp_path):
    root = tmp_path / "nowhere"
    cfg = composed_data(choice, root, tmp_path)
    with pytest.raises(ValueError, match="no such folder") as told:
        build.layout(cfg)
    assert f"data.root={root}" in str(told.value)
    assert tree_of(cfg) in str(told.value)
    if choice != "folder":
        assert re.search(r"https?://", str(told.value))
        assert re.search("Licence|Terms", str(told.value))


@pytest.mark.parametrize("choice", CHOICES)
def test_a_relative_root_reads_the_same(choice, tmp_path, monkeypatch):
    options = getattr(fabricate, choice)(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    pairs = []
    for root in ("data", tmp_path / "data"):
        cfg = compose_command("train", [f"data={choice}", f"data.root={root}", *options], tmp_path)
        pairs.append(build.layout(cfg).pairs("train"))
    assert len(pairs[0]) == len(pairs[1]) > 0
    for relative, absolute in zip(*pairs, strict=True):
        assert relative.name == absolute.name
        assert relative.image.absolute() == absolute.image
        assert relative.label.absolute() == absolute.label


@pytest.mark.parametrize("choice", CHOICES)
def test_an_empty_root_names_what_is_missing_and_shows_the_tree(choice, tmp_path):
    root = tmp_path / "empty"
    root.mkdir()
    cfg = composed_data(choice, root, tmp_path)
    with pytest.raises(ValueError, match="no such file or folder") as told:
        build.layout(cfg).pairs("train")
    assert str(told.value).startswith(str(root))
    assert tree_of(cfg) in str(told.value)


@pytest.mark.parametrize("choice", [choice for choice in CHOICES if choice != "folder"])
def test_an_unknown_split_is_told(choice, tmp_path):
    cfg = composed_data(choice, tmp_path, tmp_path)
    with pytest.raises(ValueError, match=r"split 'dev': .* has no such split; choose one of train, val"):
        build.layout(cfg).pairs("dev")
