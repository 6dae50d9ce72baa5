"""atrous.load(...).predict: what evaluate predicts, of pictures of any kind."""

import json
import shutil

import numpy as np
import pytest
import torch
from conftest import compose_command
from PIL import Image

import atrous
from atrous.commands.evaluate import evaluate
from atrous.prediction.inputs import Found, find_pictures
from atrous.prediction.pictures import predict_pictures
from atrous.prediction.writers import Coco


@pytest.fixture(scope="module")
def model(varied):
    return atrous.load(varied, device="cpu")


@pytest.fixture(scope="module")
def pictures(val_images):
    return sorted(val_images.glob("*.png"))


@pytest.fixture(scope="module")
def evaluated(varied, scenes, tmp_path_factory):
    """The folder of the evaluation of these weights."""
    output = tmp_path_factory.mktemp("evaluated")
    where = [f"checkpoint={varied}", f"data.root={scenes}", "split=val", "trainer=cpu", f"output={output}"]
    evaluate(compose_command("evaluate", [*where, "data.num_workers=0", "pictures=0"], output))
    return output


def test_labels_are_those_of_evaluate(model, pictures, evaluated):
    assert len(pictures) == 5
    found = model.predict(pictures, batch_size=2)
    classes = set()
    for path, labels in zip(pictures, found, strict=True):
        assert labels.dtype == np.uint8
        assert np.array_equal(labels, np.array(Image.open(evaluated / "predictions" / path.name)))
        classes |= set(np.unique(labels))
    assert len(classes) > 1  # or anything would be equal


def test_paths_pictures_and_arrays_are_the_same(model, pictures):
    image = Image.open(pictures[0])
    found = model.predict(pictures[0])
    assert np.array_equal(found, model.predict(str(pictures[0])))
    assert np.array_equal(found, model.predict(image))
    assert np.array_equal(found, model.predict(np.array(image)))
    assert np.array_equal(model.predict([]), [])


def test_sizes_in_a_list_may_differ(model, pictures):
    small = Image.open(pictures[0]).resize((48, 32))
    found = model.predict([small, pictures[0], small])
    assert [labels.shape for labels in found] == [(32, 48), (64, 64), (32, 48)]
    assert np.array_equal(found[0], model.predict(small))


def test_a_turned_picture_is_predicted_as_it_is_shown(model, pictures, tmp_path):
    image = Image.open(pictures[0])
    exif = Image.Exif()
    exif[0x0112] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(model.predict(tmp_path / "turned.png"), model.predict(image))


def test_probabilities_are_those_behind_the_labels(model, varied, pictures):
    views = atrous.load(
        varied, device="cpu", inference={"flip": True, "window": [48, 48], "stride": [32, 32]}
    )
    for each in (model, views):
        found = each.probabilities(pictures[0])
        assert found.shape == (5, 64, 64)
        assert found.dtype == np.float32
        assert np.allclose(found.sum(0), 1, atol=1e-5)
        assert np.array_equal(found.argmax(0), each.predict(pictures[0]))
    assert not np.array_equal(views.probabilities(pictures[0]), model.probabilities(pictures[0]))


def test_large_pictures_are_seen_in_windows(varied, pictures, monkeypatch):
    monkeypatch.setattr("atrous.prediction.predictor.WINDOW", (48, 48))
    monkeypatch.setattr("atrous.prediction.predictor.STRIDE", (32, 32))
    large = atrous.load(varied, device="cpu", windows_above=64 * 64 - 1)
    windows = atrous.load(varied, device="cpu", inference={"window": [48, 48], "stride": [32, 32]})
    assert large.in_windows((64, 64))
    assert not large.in_windows((63, 64))
    assert np.array_equal(large.predict(pictures[0]), windows.predict(pictures[0]))


def test_colors_and_overlay(model, pictures):
    labels = model.predict(pictures[0])
    assert np.array_equal(model.color(labels)[3, 4], model.labels.colors[labels[3, 4]])
    assert np.array_equal(model.overlay(pictures[0], labels, 0), np.array(Image.open(pictures[0])))
    assert np.array_equal(model.overlay(pictures[0], labels, 1), model.color(labels))
    with pytest.raises(ValueError, match=r"labels of shape \(3, 3\) for a picture"):
        model.overlay(pictures[0], labels[:3, :3])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "cuda:7"}, "device=cuda:7: not here"),
        ({"device": "fast"}, "device=fast: not here"),
        (
            {"inference": {"windw": [1, 1]}},
            r"inference.windw: no such option; known here: scales, flip, window",
        ),
        ({"inference": {"window": [32, 32]}}, r"inference.window=\[32, 32\], inference.stride=None"),
        ({"windows_above": 0}, "windows_above=0: expected a number of pixels"),
    ],
)
def test_wrong_options_are_told(varied, options, said):
    with pytest.raises(ValueError, match=said):
        atrous.load(varied, **{"device": "cpu", **options})


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((4, 4, 3)), r"an array of float64 \(4, 4, 3\); expected uint8"),
        (np.zeros((4, 4), np.uint8), r"an array of uint8 \(4, 4\); expected uint8 \(H, W, 3\)"),
        ("nowhere.png", "nowhere.png"),
        ("https://there/a.png", "picture=https://there/a.png: an address"),
        (7, "a picture as int; expected a path"),
    ],
)
def test_wrong_pictures_are_told(model, picture, said):
    with pytest.raises(ValueError, match=said):
        model.predict(picture)


def test_a_config_that_names_other_things_is_refused(small_run, tmp_path):
    import torch

    content = torch.load(small_run / "last.ckpt", weights_only=True)
    content["atrous"]["config"]["model"]["net"] = {"_target_": "os.system", "command": "true"}
    torch.save(content, tmp_path / "harm.ckpt")
    with pytest.raises(ValueError, match="none of the parts that it may build"):
        atrous.load(tmp_path / "harm.ckpt")


class Small:
    """A network of which the memory holds one small picture at a time."""

    def __init__(self, own, most):
        self.own, self.most = own, most

    def __call__(self, batch, inference):
        if batch[:, 0].numel() > self.most:
            raise torch.OutOfMemoryError
        return self.own(batch, inference)


def test_what_the_memory_does_not_hold_is_listed_and_ends_nothing(model, pictures, tmp_path, monkeypatch):
    for path in pictures[:3]:
        shutil.copy(path, tmp_path)
    Image.open(pictures[0]).resize((128, 128)).save(tmp_path / "large.png")
    monkeypatch.setattr(model.module, "predict", Small(model.module.predict, 64 * 64))
    found, writer = find_pictures(str(tmp_path)), Coco()
    (tmp_path / "out").mkdir()
    said, (told,) = predict_pictures(model, found, [writer], tmp_path / "out", 4)
    assert [each["name"] for each in said] == ["0000", "0001", "0002"]
    assert told["input"] == str(tmp_path / "large.png")
    assert "too little memory on cpu; predict in windows (inference=slide)" in told["reason"]
    assert len(json.loads((tmp_path / "out" / "coco.json").read_text())["images"]) == 3
    with pytest.raises(ValueError, match=r"2 pictures of 64x64: .* fewer at once \(batch_size=1\)"):
        model.predict(pictures[:2])


def test_an_interruption_keeps_what_was_predicted(model, pictures, tmp_path, monkeypatch):
    seen = []

    def interrupted(images, own=model.label):
        if seen:
            raise KeyboardInterrupt
        seen.append(images)
        return own(images)

    monkeypatch.setattr(model, "label", interrupted)
    found = [Found(path, path.name, path.stem) for path in pictures]
    said, left = predict_pictures(model, found, [Coco()], tmp_path, 2)
    assert [each["name"] for each in said] == ["0000", "0001"]
    assert [each["input"] for each in left] == list(map(str, pictures[2:]))
    assert {each["reason"] for each in left} == {"interrupted before it"}
    assert len(json.loads((tmp_path / "coco.json").read_text())["images"]) == 2


def test_a_cut_file_that_pillow_opened_is_told(model, pictures, tmp_path):
    content = pictures[0].read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with (
        Image.open(tmp_path / "cut.png") as image,
        pytest.raises(ValueError, match="the picture cannot be read"),
    ):
        model.predict(image)
