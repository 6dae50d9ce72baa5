import fabricate
import pytest
from fabricate import write_pair, write_text

from atrous.data.layouts.camvid import CamVid
from atrous.data.layouts.cityscapes import Cityscapes
from atrous.data.layouts.lists import Csv, Ids, ListFile
from atrous.data.layouts.pairs import Unmatched
from atrous.data.layouts.sources import Folders, Fractions

BOTH = Folders("images", "labels")


@pytest.fixture
def root(tmp_path):
    """Three pairs, a, b and c, in two folders."""
    for seed, name in enumerate("abc"):
        write_pair(tmp_path / f"images/{name}.jpg", tmp_path / f"labels/{name}_mask.png", [0, 1], seed)
    return tmp_path


def found(source, root, split="val"):
    return [
        (pair.name, pair.image.name, pair.label.name if pair.label else None) for pair in source(root, split)
    ]


A, B = ("a", "a.jpg", "a_mask.png"), ("b", "b.jpg", "b_mask.png")


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("images/{}.jpg labels/{}_mask.png", {}),
        ("images/{}.jpg\tlabels/{}_mask.png", {}),
        ("{}.jpg {}_mask.png", {"images": "images", "labels": "labels"}),
        ("images/{}.jpg labels/{}_mask.png", {"images": "images", "labels": "labels"}),
        ("/SegNet/images/{}.jpg /SegNet/labels/{}_mask.png", {"prefix": "/SegNet"}),
        ("images/{}.png labels/{}_mask.bmp", {}),
        ("images/{} labels/{}_mask", {}),
    ],
    ids=["paths", "tab", "names", "paths with folders", "prefix", "other suffix", "no suffix"],
)
def test_lines_of_picture_and_label(root, line, options):
    write_text(root / "val.txt", [line.format("b", "b"), "", line.format("a", "a")])
    assert found(ListFile(**options), root) == [A, B]


def test_lines_of_a_picture_alone(root):
    write_text(root / "test.txt", ["images/a.jpg"])
    assert found(ListFile(), root, "test") == [("a", "a.jpg", None)]


def test_the_tutorials_list_of_the_real_camvid(real_data, tmp_path):
    root = real_data / "camvid"
    expected = CamVid(root).pairs("val")
    lines = [
        f"/SegNet/CamVid/val/{pair.name}.png /SegNet/CamVid/valannot/{pair.name}.png" for pair in expected
    ]
    write_text(tmp_path / "val.txt", lines)
    assert ListFile(f"{tmp_path}/{{split}}.txt", prefix="/SegNet/CamVid/")(root, "val") == expected


def test_names_that_repeat_take_their_folders_along(tmp_path):
    for city in ("aachen", "bochum"):
        write_pair(tmp_path / f"p/{city}/0.png", tmp_path / f"l/{city}/0.png", [0, 1], 0)
    write_text(tmp_path / "val.txt", [f"p/{city}/0.png l/{city}/0.png" for city in ("bochum", "aachen")])
    assert [pair.name for pair in ListFile()(tmp_path, "val")] == ["aachen_0", "bochum_0"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["images/a.jpg labels/a_mask.png", "images/x.jpg labels/a_mask.png"],
            r"line 2: .*images/x\.jpg is miss",
        ),
        (
            ["images/a.jpg labels/x.png"],
            r"line 1: .*labels/x\.png is missing; add the file, correct the list",
        ),
        (["labels/a_mask.jpg labels/a_mask.png"], r"line 1: .*labels/a_mask\.jpg is missing"),
        (["images/a.jpg labels/a.png 3"], "line 1: 3 words; expected `image label`, or `image` alone"),
        (["images/a.jpg", "", "images/a.png"], r"line 3: .*images/a\.jpg is listed twice"),
    ],
)
def test_a_wrong_line_is_named(root, lines, message):
    write_text(root / "val.txt", lines)
    with pytest.raises(ValueError, match=message) as told:
        ListFile()(root, "val")
    assert str(told.value).startswith(f"{root / 'val.txt'}, line ")


def test_two_listed_pictures_of_one_name(root):
    write_pair(root / "images/a.png", None, [0, 1], 0)
    write_text(root / "val.txt", ["images/a.jpg", "images/a.png"])
    with pytest.raises(ValueError, match=r"images/a\.png: same name as .*images/a\.jpg; keep one of the two"):
        ListFile()(root, "val")


@pytest.mark.parametrize("line", ["{}", "{}.jpg", "/images/{}.jpg /labels/{}_mask.png"])
def test_ids_restrict_folders(root, line):
    write_text(root / "val.txt", [line.format(name, name) for name in "ba"])
    assert found(Ids("{split}.txt", Folders("images", "labels", label_ending="_mask")), root) == [A, B]


def test_ids_of_files_whose_names_repeat_in_other_folders(tmp_path):
    for video in ("s1", "s2"):
        write_pair(tmp_path / f"images/{video}/1.png", tmp_path / f"labels/{video}/1.png", [0, 1], 0)
    write_text(tmp_path / "val.txt", ["images/s2/1.png"])
    (pair,) = Ids("{split}.txt", Folders("images", "labels", deep=True))(tmp_path, "val")
    assert (pair.name, pair.image.parent.name, pair.label.parent.name) == ("s2_1", "s2", "s2")


def test_ids_that_carry_the_pictures_ending(root):
    (root / "images/a.jpg").rename(root / "images/a_rgb.jpg")
    write_text(root / "val.txt", ["a_rgb"])
    source = Ids("val.txt", Folders("images", "labels", "_rgb", "_mask"))
    assert found(source, root) == [("a", "a_rgb.jpg", "a_mask.png")]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "x"], "line 2: 'x' has no picture under"),
        (["a", "b"], "line 1: 'a' has no label under"),
        (["a", "a"], "line 2: 'a' is listed twice"),
    ],
)
def test_a_wrong_id_is_named(root, ids, message):
    write_text(root / "val.txt", ids)
    ending = "" if "label" in message else "_mask"
    with pytest.raises(ValueError, match=message):
        Ids("{split}.txt", Folders("images", "labels", label_ending=ending))(root, "val")


TABLE = [
    "id,photo,mask,part",
    "0,images/a.jpg,labels/a_mask.png,val",
    "1,images/b.jpg,labels/b_mask.png,train",
]
COLUMNS = {"image_column": "photo", "label_column": "mask"}


def test_rows_of_a_table(root):
    write_text(root / "pairs.csv", TABLE)
    assert found(Csv("pairs.csv", **COLUMNS), root) == [A, B]
    assert found(Csv("pairs.csv", **COLUMNS, split_column="part"), root) == [A]
    assert found(Csv("pairs.csv", "photo", None), root)[0] == ("a", "a.jpg", None)
    write_text(root / "half.csv", [*TABLE, "2,images/c.jpg,,val"])
    assert found(Csv("half.csv", **COLUMNS), root)[2] == ("c", "c.jpg", None)
    write_text(root / "val.csv", [line.replace(",", ";").replace("images/", "") for line in TABLE])
    assert found(Csv("{split}.csv", **COLUMNS, images="images", delimiter=";"), root) == [A, B]


def test_a_table_as_spreadsheets_write_it(root):
    (root / "pairs.csv").write_bytes("﻿image,label\r\nimages/a.jpg,labels/a_mask.png\r\n".encode())
    assert found(Csv("pairs.csv"), root) == [A]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_column": "photos"}, r"pairs\.csv: no column 'photos'; its columns: id, photo, mask, part"),
        ({**COLUMNS, "split_column": "part"}, "split 'test': .*has no such split; choose one of train, val"),
        ({**COLUMNS, "images": "photos", "prefix": "images"}, r"line 2: .*photos/a\.jpg is missing"),
    ],
)
def test_a_wrong_table_is_named(root, options, message):
    write_text(root / "pairs.csv", TABLE)
    with pytest.raises(ValueError, match=message):
        Csv("pairs.csv", **options)(root, "test")


def test_which_sources_have_splits():
    assert ListFile().by_split
    assert not ListFile("all.txt").by_split
    assert Csv("{split}.csv").by_split
    assert Csv("all.csv", split_column="part").by_split
    assert not Csv("all.csv").by_split
    assert Ids("{split}.txt", BOTH).by_split
    assert Ids("all.txt", Folders()).by_split
    assert not Ids("all.txt", BOTH).by_split


def test_a_missing_list_shows_the_tree(tmp_path):
    fabricate.cityscapes(tmp_path)
    with pytest.raises(
        ValueError, match=r"list/val\.lst: no such file or folder; the tree must look like this"
    ):
        Cityscapes(tmp_path, lists="list").pairs("val")


def test_all_that_a_list_names_in_vain_is_told(root):
    """By ids and by lines: the first in the message, all of them beside the pairs that are whole."""
    for name in "ad":
        (root / f"labels/{name}_mask.png").unlink(missing_ok=True)
    (root / "images/b.jpg").unlink()
    write_pair(root / "images/d.jpg", None, [0, 1], 3)
    write_text(root / "val.txt", "dacbx")
    folders = Folders("images", "labels", label_ending="_mask")
    lines = ListFile("lines.txt")
    write_text(root / "lines.txt", [f"images/{name}.jpg labels/{name}_mask.png" for name in "dacbx"])
    for source, first, last in (
        (Ids("{split}.txt", folders), "'d' has no label under", "'x' has no picture under"),
        (lines, "labels/d_mask.png is missing", "images/x.jpg is missing"),
        (Fractions(lines, {"val": 1}), "labels/d_mask.png is missing", "images/x.jpg is missing"),
    ):
        with pytest.raises(
            Unmatched, match=rf"line 1: .*{first}.* \(and 3 more\); add .*correct the list"
        ) as told:
            source(root, "val")
        assert [pair.name for pair in told.value.pairs] == ["c"]
        assert [path.name for path in told.value.without_label] == ["d.jpg", "a.jpg"]
        assert [path.name for path in told.value.without_image] == ["b_mask.png"]
        (missing,) = told.value.missing
        assert "line 5: " in missing
        assert last in missing


def test_a_list_of_cityscapes_that_lacks_a_file_still_has_its_own_names(tmp_path):
    fabricate.cityscapes(tmp_path)
    pairs = Cityscapes(tmp_path).pairs("val")
    lines = [f"{pair.image.relative_to(tmp_path)} {pair.label.relative_to(tmp_path)}" for pair in pairs]
    write_text(tmp_path / "list/val.lst", lines)
    pairs[0].label.unlink()
    with pytest.raises(Unmatched, match="is missing") as told:
        Cityscapes(tmp_path, lists="list").pairs("val")
    assert [pair.name for pair in told.value.pairs] == [pair.name for pair in pairs[1:]]
