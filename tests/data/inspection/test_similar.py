"""Pictures of one scene are found, others are not."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from atrous.data.inspection import similar
from atrous.data.inspection.scan import scan
from atrous.data.inspection.similar import NUM_CANDIDATES, candidates, common_places, find_near, signature
from atrous.data.layouts.camvid import CamVid
from atrous.data.layouts.synthetic import draw_scene


def scene(seed):
    """A picture of many shapes: uint8 (240, 320, 3)."""
    rng = np.random.default_rng(seed)
    parts = [np.hstack([draw_scene(rng, 80)[0] for _ in range(4)]) for _ in range(3)]
    return np.vstack(parts)


def changed(pixels, how):
    image = Image.fromarray(pixels)
    width, height = image.size
    if how == "brighter":
        image = ImageEnhance.Brightness(image).enhance(1.2)
    elif how == "smaller":
        image = image.resize((width * 2 // 3, height * 2 // 3), Image.Resampling.LANCZOS)
    elif how == "nearer":
        image = image.crop((width // 10, height // 10, width * 9 // 10, height * 9 // 10))
    elif how == "moved":
        image = image.crop((12, 0, width, height - 8))
    return np.asarray(image)


@pytest.mark.parametrize("how", ["same", "brighter", "smaller", "nearer", "moved"])
def test_a_changed_copy_is_found_among_others(how):
    pictures = [scene(seed) for seed in range(6)]
    signatures = [signature(each) for each in [*pictures, changed(pictures[3], how), scene(99)]]
    (found,) = find_near(signatures, [0] * 6 + [1, 1])
    assert (found.first, found.second) == (6, 3)


def test_a_car_s_bonnet_in_every_picture_is_no_scene():
    pictures = [scene(seed) for seed in range(12)]
    bonnet = scene(77)[:60]
    for each in pictures:
        each[-60:] = bonnet
    signatures = [signature(each) for each in pictures]
    assert common_places(signatures[0], signatures[1]) >= 8
    assert find_near(signatures, [0] * 8 + [1] * 4) == []


def test_pictures_of_one_grey_are_alike_to_none():
    grey = [signature(np.full((48, 64, 3), value, np.uint8)) for value in (0, 90, 90)]
    assert find_near(grey, [0, 0, 1]) == []


@given(seed=st.integers(0, 2**31), gain=st.floats(0.3, 1.0), offset=st.integers(0, 60))
def test_views_do_not_depend_on_brightness_and_contrast(seed, gain, offset):
    pixels = scene(seed % 50).astype(np.float64)
    first = signature(pixels.astype(np.uint8)).views.astype(np.float32)
    second = signature((pixels * gain * 0.7 + offset).astype(np.uint8)).views.astype(np.float32)
    assert (first * second).sum(1) == pytest.approx(1, abs=0.01)


@given(data=st.data())
def test_chunks_find_what_all_at_once_find(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    count = data.draw(st.integers(2, 40))
    views = rng.normal(size=(count, 3, 256))
    views /= np.linalg.norm(views, axis=2, keepdims=True)
    nothing = (np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8))
    signatures = [similar.Signature(each.astype(np.float16), *nothing) for each in views]
    cut = data.draw(st.integers(1, count - 1))
    num = data.draw(st.integers(1, NUM_CANDIDATES))
    found = candidates(
        signatures, np.arange(cut, count), np.arange(cut), num, rows=data.draw(st.integers(1, 50))
    )
    assert [picture for picture, _ in found] == list(range(cut, count))
    for picture, others in found:
        here = signatures[picture].views.astype(np.float64)
        distances = []
        for other in range(cut):
            there = signatures[other].views.astype(np.float64)
            likeness = [here[zoom] @ there[0] for zoom in range(3)] + [
                here[0] @ there[zoom] for zoom in range(3)
            ]
            distances.append(1 - max(likeness))
        assert [each[1] for each in others] == pytest.approx(sorted(distances)[:num], abs=1e-3)


def camvid(real_data, take):
    layout = CamVid(real_data / "camvid")
    pairs = [(split, pair) for split in ("train", "val", "test") for pair in layout.pairs(split)]
    return scan([each for each in pairs if take(*each)], layout.labels, layout.label_format, True)[0]


def test_camvid_s_val_shows_the_scenes_of_its_train(real_data):
    """Every eighth val frame, and the training frames of the minute around."""
    records = camvid(
        real_data,
        lambda split, pair: (
            (split == "train" and pair.name >= "0016E5_07")
            or (split == "val" and int(pair.name[-5:]) % 16 < 2)
        ),
    )
    groups = [int(record.split == "val") for record in records]
    near = find_near([record.signature for record in records], groups)
    assert len(near) >= 0.4 * sum(groups)
    for each in near:
        first, second = (int(records[index].pair.name[-5:]) for index in (each.first, each.second))
        assert abs(first - second) <= 450  # 15 seconds


@pytest.mark.slow
@pytest.mark.faults
def test_the_numbers_of_camvid(real_data):
    """Those that similar.py and docs/inspect.md state."""
    records = camvid(real_data, lambda split, pair: True)
    signatures = [record.signature for record in records]
    drives = np.array([record.pair.name[:6] for record in records])
    pairs = [
        (picture, other, distance)
        for drive in np.unique(drives)
        for picture, others in candidates(
            signatures, np.flatnonzero(drives == drive), np.flatnonzero(drives != drive)
        )
        for other, distance in others
    ]
    strangers = [places for _, places in similar._compared(signatures, pairs)]
    assert len(strangers) == 14_020
    assert max(strangers) == 7
    assert min(distance for *_, distance in pairs) == pytest.approx(0.078, abs=0.001)
    trained = [index for index, record in enumerate(records) if record.split == "train"]
    next_to = [(a, b, 0.0) for a, b in itertools.pairwise(trained) if drives[a] == drives[b]]
    neighbours = np.array([places for _, places in similar._compared(signatures, next_to)])
    assert len(neighbours) == 364
    assert np.median(neighbours) == pytest.approx(80, abs=2)
    assert (neighbours >= 8).mean() == pytest.approx(0.99, abs=0.005)
    groups = np.array([("train", "val", "test").index(record.split) for record in records])
    nearest = [
        others[0][1]
        for _, others in candidates(signatures, np.flatnonzero(groups == 1), np.flatnonzero(groups == 0))
    ]
    assert (min(nearest), max(nearest)) == pytest.approx((0.060, 0.165), abs=0.002)
    near = find_near(signatures, groups)
    found = [records[each.first].split for each in near]
    assert (found.count("val"), found.count("test")) == (53, 3)
