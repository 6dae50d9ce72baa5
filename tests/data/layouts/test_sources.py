import fabricate
import pytest
from fabricate import write_pair
from hypothesis import given
from hypothesis import strategies as st

from atrous.data.layouts.folder import Folder
from atrous.data.layouts.pairs import Pair, Unmatched
from atrous.data.layouts.sources import Folders, Fractions
from atrous.labels import label_set

MINE = label_set("mine", ["ground", "left", "right"])
THIRDS = {"train": 0.6, "val": 0.2, "test": 0.2}


class Given:
    """Pairs of the given names, in the given order."""

    by_split = False

    def __init__(self, names, root=None):
        self.names = names

    def __call__(self, root, split):
        return [Pair(name, root / name, None) for name in self.names]


def parts_of(names, shares, seed, root):
    return {split: Fractions(Given(names), shares, seed)(root, split) for split in shares}


names_of_files = st.lists(st.text("abc_0123", min_size=1, max_size=8), unique=True, max_size=60)
parts = st.lists(st.integers(0, 10), min_size=1, max_size=4).filter(any)


@given(names_of_files, parts, st.integers(0, 5), st.randoms())
def test_fractions_are_disjoint_complete_and_stable_under_order(
    tmp_path_factory, names, weights, seed, random
):
    root = tmp_path_factory.getbasetemp()
    shares = {f"split{index}": weight / sum(weights) for index, weight in enumerate(weights)}
    parts = parts_of(names, shares, seed, root)
    assert sorted(pair.name for pairs in parts.values() for pair in pairs) == sorted(names)
    for split, pairs in parts.items():
        assert abs(len(pairs) - shares[split] * len(names)) <= 1
    random.shuffle(names)
    assert parts_of(names, shares, seed, root) == parts


def test_fractions_depend_on_the_seed_and_not_on_the_names_order(tmp_path):
    names = [f"{index:03d}" for index in range(100)]
    parts = parts_of(names, THIRDS, 0, tmp_path)
    assert parts != parts_of(names, THIRDS, 1, tmp_path)
    assert [pair.name for pair in parts["train"]] == sorted(pair.name for pair in parts["train"])
    assert parts["train"] != sorted(Given(names)(tmp_path, ""))[:60]


@pytest.mark.parametrize("shares", [{"train": 0.8, "val": 0.1}, {"train": 1.2, "val": -0.2}])
def test_shares_that_are_no_division(shares):
    with pytest.raises(ValueError, match=r"fractions .*: expected shares of 0 to 1, 1 in all"):
        Fractions(Folders("images", "labels"), shares)


def test_what_is_divided_has_no_splits_and_what_is_not_has(tmp_path):
    with pytest.raises(ValueError, match="of a source that has splits already"):
        Folder(tmp_path, MINE, Folders(), fractions=THIRDS)
    with pytest.raises(ValueError, match=r"data\.source finds the same pairs for every split"):
        Folder(tmp_path, MINE, Folders("images", "labels"))
    with pytest.raises(ValueError, match="split 'dev': the division into fractions has no such split"):
        Folder(tmp_path, MINE, Folders("images", "labels"), fractions=THIRDS).pairs("dev")


def test_endings_that_names_do_not_share(tmp_path):
    write_pair(tmp_path / "p/val/a_rgb.png", tmp_path / "m/val/a_mask.png", [0, 1, 2], 0)
    source = Folders("p/{split}", "m/{split}", image_ending="_rgb", label_ending="_mask")
    assert [pair.name for pair in source(tmp_path, "val")] == ["a"]


def test_folders_below_only_when_asked_for(tmp_path):
    write_pair(tmp_path / "images/aachen/a.png", tmp_path / "labels/aachen/a.png", [0, 1], 0)
    write_pair(tmp_path / "images/.cache/b.png", tmp_path / "labels/.cache/b.png", [0, 1], 0)
    assert [pair.name for pair in Folders("images", "labels", deep=True)(tmp_path, "val")] == ["a"]
    assert Folders("images", "labels")(tmp_path, "val") == []


def test_names_that_repeat_in_other_folders_take_these_along(tmp_path):
    for video in ("s1", "s2"):
        write_pair(
            tmp_path / f"images/{video}/0001.jpg", tmp_path / f"labels/{video}/0001_mask.png", [0, 1], 0
        )
    pairs = Folders("images", "labels", label_ending="_mask", deep=True)(tmp_path, "val")
    assert [(pair.name, pair.image.parent.name, pair.label.parent.name) for pair in pairs] == [
        ("s1_0001", "s1", "s1"),
        ("s2_0001", "s2", "s2"),
    ]


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_pictures_and_labels_in_one_folder(tmp_path, ending):
    write_pair(tmp_path / f"all/a{ending}", tmp_path / "all/a_mask.png", [0, 1], 0)
    (pair,) = Folders("all", "all", label_ending="_mask")(tmp_path, "val")
    assert (pair.image.name, pair.label.name) == (f"a{ending}", "a_mask.png")


def test_labels_as_jpeg_are_found(tmp_path):
    """Which formats may read them, they say themselves; beside PNGs they are previews."""
    write_pair(tmp_path / "images/a.png", tmp_path / "labels/a.jpg", [0, 1], 0)
    assert Folders("images", "labels")(tmp_path, "val")[0].label.name == "a.jpg"
    write_pair(tmp_path / "images/a.png", tmp_path / "labels/a.png", [0, 1], 0)
    assert Folders("images", "labels")(tmp_path, "val")[0].label.name == "a.png"


def test_pictures_without_labels(tmp_path):
    fabricate.folder(tmp_path)
    pairs = Folders(labels=None)(tmp_path, "test")
    assert [(pair.name, pair.label) for pair in pairs] == [(f"picture{index}", None) for index in range(3)]


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_half_a_pair_is_named(tmp_path, kind):
    fabricate.folder(tmp_path)
    (tmp_path / kind / "train" / "picture3.png").unlink()
    (tmp_path / kind / "train" / "picture5.png").unlink()
    left, message = {
        "images": ("labels", "label without picture"),
        "labels": ("images", "picture without label"),
    }[kind]
    with pytest.raises(ValueError, match=message) as told:
        Folders()(tmp_path, "train")
    assert str(tmp_path / left / "train" / "picture3.png") in str(told.value)
    assert "(and 1 more)" in str(told.value)


def test_two_pictures_of_one_name(tmp_path):
    fabricate.folder(tmp_path)
    twin = tmp_path / "images" / "val" / "picture0.jpg"
    twin.write_bytes(b"")
    with pytest.raises(ValueError, match=r"picture0\.png: same name as .*picture0\.jpg"):
        Folders()(tmp_path, "val")


def test_fractions_of_a_source_with_half_pairs_are_shares_of_the_whole_ones(tmp_path):
    for index in range(10):
        write_pair(tmp_path / f"images/{index}.png", tmp_path / f"labels/{index}.png", [0, 1], index)
    source = Folders("images", "labels")
    whole = parts_of([str(index) for index in range(10) if index != 3], THIRDS, 0, tmp_path)
    (tmp_path / "labels/3.png").unlink()
    for split in THIRDS:
        with pytest.raises(Unmatched, match=r"3\.png: picture without label") as raised:
            Fractions(source, THIRDS)(tmp_path, split)
        assert [pair.name for pair in raised.value.pairs] == [pair.name for pair in whole[split]]
        assert raised.value.without_label == [tmp_path / "images/3.png"]
