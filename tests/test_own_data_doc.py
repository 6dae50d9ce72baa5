"""What docs/own-data.md shows can read the files that it says; docs/recipes.md names every recipe."""

import re
import sys

import numpy as np
import pytest
from conftest import CHECKOUT, compose_command
from PIL import Image
from test_conf import EXPERIMENTS

from atrous import build
from atrous.configs import config_folder

PAGE = (CHECKOUT / "docs" / "own-data.md").read_text()
CONFIGS = dict(re.findall(r"```yaml\n# my_configs/data/(\w+)\.yaml[^\n]*\n(.*?)```", PAGE, re.DOTALL))
CLASS = re.findall(r"```python\n# my_package/__init__\.py\n(.*?)```", PAGE, re.DOTALL)


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def folders(root, values):
    for split in ("train", "val", "test"):
        save(root / "images" / split / "0001.jpg", np.zeros((8, 8, 3), np.uint8))
        save(root / "labels" / split / "0001.png", np.resize(np.uint8(values), (8, 8)))


def pets(root):
    folders(root, [0, 1, 2, 255])


def limbs(root):
    folders(root, [0, 3, 7, 8, 9, 255])


def people(root):
    lines = ["images,masks"]
    for number in range(10):
        save(root / f"photos/{number}.jpg", np.zeros((8, 8, 3), np.uint8))
        save(root / f"masks/{number}.png", np.resize(np.uint8([0, 255]), (8, 8)))
        lines.append(f"photos/{number}.jpg,masks/{number}.png")
    (root / "df.csv").write_text("\n".join(lines) + "\n")


def plots(root):
    for split in ("train", "val", "test"):
        save(root / split / "a.jpg", np.zeros((8, 8, 3), np.uint8))
        save(root / split / "a_labels.png", np.resize(np.uint8([0, 1, 2]), (8, 8)))


FILES = {"pets": pets, "people": people, "limbs": limbs, "plots": plots}


def test_each_config_has_its_files():
    assert set(CONFIGS) == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_the_configs_find_their_files_and_can_read_them(name, tmp_path, monkeypatch):
    FILES[name](tmp_path / name)
    configs = tmp_path / "my_configs" / "data"
    configs.mkdir(parents=True)
    (configs / f"{name}.yaml").write_text(CONFIGS[name])
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "__init__.py").write_text(CLASS[0])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_package", raising=False)
    cfg = compose_command(
        "train",
        [f"hydra.searchpath=[file://{configs.parent}]", f"data={name}", f"data.root={tmp_path / name}"],
        tmp_path / "run",
    )
    layout = build.layout(cfg)
    pairs = build.pairs(cfg, layout, ("train", "val"))
    assert pairs["train"]
    assert pairs["val"]
    read = build.reader(cfg, layout)
    known = {*range(layout.labels.num_classes), layout.labels.ignore_index}
    seen = {value for of_split in pairs.values() for pair in of_split for value in np.unique(read(pair)[1])}
    assert set(range(layout.labels.num_classes)) <= seen <= known


def test_recipes_are_all_listed_with_numbers_of_their_own_notes():
    page = (CHECKOUT / "docs" / "recipes.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", page, re.MULTILINE))
    assert set(rows) == set(EXPERIMENTS)
    for name, row in rows.items():
        _, published, measured, *_ = row.split("|")
        note = (config_folder() / "experiment" / f"{name}.yaml").read_text()
        for number in re.findall(r"\d+\.\d+", published + measured):
            assert number in note, name
        assert ("a short form" in measured) == ("a short form" in note), name
