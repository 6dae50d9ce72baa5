from atrous.data.layouts.synthetic import Synthetic


def test_scenes_are_the_same_everywhere(tmp_path):
    counts = {"train": 2, "val": 1, "test": 1}
    one, other = (Synthetic(tmp_path / name, counts, size=32).pairs("train") for name in ("one", "other"))
    for a, b in zip(one, other, strict=True):
        assert a.image.read_bytes() == b.image.read_bytes()
        assert a.label.read_bytes() == b.label.read_bytes()
    assert one[0].image.read_bytes() != one[1].image.read_bytes()
    fewer = Synthetic(tmp_path / "one", {**counts, "train": 1}, size=32).pairs("train")
    assert fewer == one[:1]
