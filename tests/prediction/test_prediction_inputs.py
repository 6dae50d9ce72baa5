import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.prediction.inputs import find_pictures, is_video, names
from atrous.prediction.predictor import batches

PATHS = st.lists(
    st.sampled_from(["a.jpg", "a.png", "a.jpg.png", "a.png.jpg", "b.png", "d/a.jpg", "d/a"]), unique=True
)


@given(PATHS)
def test_no_two_predictions_have_one_name(paths):
    found = names(paths)
    assert len(set(found)) == len(paths)
    assert all(path.startswith(name) for path, name in zip(paths, found, strict=True))


@given(st.lists(st.integers(0, 3)), st.integers(1, 5))
def test_batches_hold_every_item_once_by_kind(kinds, size):
    waiting = []

    def items():
        for item in enumerate(kinds):
            waiting.append(item)
            assert len(waiting) <= 4 * size  # memory does not grow with their number
            yield item

    found = []
    for some in batches(items(), lambda item: item[1], size):
        assert len({kind for _, kind in some}) == 1
        assert 1 <= len(some) <= size
        found += some
        for item in some:
            waiting.remove(item)
    assert sorted(found) == list(enumerate(kinds))


def test_folders_patterns_and_files(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("a.jpg", "a.png", "deep/b.JPG", "._a.jpg", "notes.txt", "deep/c.mp4"):
        (tmp_path / name).write_bytes(b"")
    assert [each.name for each in find_pictures(str(tmp_path))] == ["a.jpg", "a.png", "deep/b"]
    assert [each.name for each in find_pictures(f"{tmp_path}/*/*")] == ["deep/b"]
    assert [each.name for each in find_pictures(f"{tmp_path}/notes.txt")] == ["notes"]
    with pytest.raises(ValueError, match=r"input=nowhere: no such file or folder; expected"):
        find_pictures("nowhere")
    assert [each.relative for each in find_pictures(str(tmp_path))] == ["a.jpg", "a.png", "deep/b.JPG"]
    (tmp_path / "deep" / "b.JPG").unlink()
    with pytest.raises(ValueError, match=r"no picture; expected .*\*\.png.*a video is given by itself"):
        find_pictures(str(tmp_path / "deep"))


def test_videos_and_cameras_are_known_by_what_is_given():
    assert all(map(is_video, ("a.MP4", "camera", "camera:1", "rtsp://here/1")))
    assert not any(map(is_video, ("a.png", "cameras", "folder")))


def test_a_folder_whose_name_is_a_pattern_too(tmp_path):
    for folder in ("photos[1]", "photos1"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder[-1]}.png").write_bytes(b"")
    (found,) = find_pictures(str(tmp_path / "photos[1]"))
    assert found.path == tmp_path / "photos[1]" / "].png"
