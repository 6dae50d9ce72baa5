"""atrous predict: what is written, what is told; and score reads it again."""

import json
import shutil

import numpy as np
import pytest
from conftest import TINY, compose_command
from PIL import Image

import atrous
from atrous.commands.evaluate import evaluate
from atrous.commands.predict import predict
from atrous.commands.score import score
from atrous.prediction import video
from atrous.prediction.video import opened

EVERYTHING = "write=[indices,raw_ids,colors,overlays,coco,geojson,probabilities]"


def predicted(output, varied, given, *options):
    where = [f"checkpoint={varied}", f"input={given}", f"output={output}", "device=cpu"]
    predict(compose_command("predict", [*where, *options], output))
    return json.loads((output / "predictions.json").read_text())


def test_everything_is_written_and_what_cannot_be_read_is_listed(command, varied, val_images, tmp_path):
    given = tmp_path / "given"
    shutil.copytree(val_images, given / "scenes")
    shutil.copy(val_images / "0000.png", given / "same.png")
    Image.open(val_images / "0001.png").save(given / "same.bmp")
    (given / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    where = (f"checkpoint={varied}", "input=given", "output=out", "device=cpu")
    said = command.fail("-m", "atrous", "predict", *where, EVERYTHING, "batch_size=2")
    assert "1 of 8 inputs were not predicted to their end; out/predictions.json lists them" in said
    assert "cut.jpg: cannot be read as a picture" in said
    output = tmp_path / "out"
    content = json.loads((output / "predictions.json").read_text())
    assert [each["input"] for each in content["unreadable"]] == ["given/cut.jpg"]
    names = [each["name"] for each in content["pictures"]]
    assert names == ["same.bmp", "same.png", *(f"scenes/000{number}" for number in range(5))]
    model = atrous.load(varied, device="cpu")
    for name in names:
        source = given / (name if name.startswith("same") else f"{name}.png")
        indices = np.array(Image.open(output / "predictions" / f"{name}.png"))
        assert np.array_equal(indices, model.predict(source))
        colors = Image.open(output / "colors" / f"{name}.png").convert("RGB")
        assert np.array_equal(np.array(colors), model.color(indices))
        overlay = np.array(Image.open(output / "overlays" / f"{name}.jpg")).mean((0, 1))
        assert np.abs(overlay - model.overlay(source, indices).mean((0, 1))).max() < 3  # a JPEG of noise
        with np.load(output / "probabilities" / f"{name}.npz") as held:
            assert held["probabilities"].dtype == np.float16
            assert np.allclose(held["probabilities"], model.probabilities(source), atol=1e-3)
            assert held["classes"].tolist() == list(model.labels.classes)
        features = json.loads((output / "geojson" / f"{name}.geojson").read_text())["features"]
        assert sum(feature["properties"]["area"] for feature in features) == indices.size
        assert all(ring[0] == ring[-1] for each in features for ring in each["geometry"]["coordinates"])
    coco = json.loads((output / "coco.json").read_text())
    files = [image["file_name"] for image in coco["images"]]  # under the folder, as readers of COCO join them
    assert [f"given/{file}" for file in files] == [each["input"] for each in content["pictures"]]
    assert not (output / "coco.json.part").exists()
    assert sum(each["area"] for each in coco["annotations"]) == len(names) * 64 * 64
    assert [each["id"] for each in coco["annotations"]] == list(range(1, len(coco["annotations"]) + 1))
    assert coco["categories"][1] == {"id": 2, "name": model.labels.classes[1]}
    assert "out: holds predictions; choose a new folder" in command.fail("-m", "atrous", "predict", *where)


def test_score_of_predictions_is_the_evaluation(varied, scenes, val_images, tmp_path):
    where = [f"data.root={scenes}", "split=val", "pictures=0"]
    evaluate_where = [
        f"checkpoint={varied}",
        "trainer=cpu",
        "data.num_workers=0",
        f"output={tmp_path / 'first'}",
    ]
    evaluate(compose_command("evaluate", [*evaluate_where, *where], tmp_path / "first"))
    predicted(tmp_path / "out", varied, val_images)
    score_where = [f"predictions={tmp_path / 'out'}", f"output={tmp_path / 'again'}", "data=synthetic"]
    tiny = [option for option in TINY if option.startswith("data.layout")]
    score(compose_command("score", [*score_where, *where, *tiny], tmp_path / "again"))
    first, again = (json.loads((tmp_path / name / "scores.json").read_text()) for name in ("first", "again"))
    confusion, confusion_again = (tmp_path / name / "confusion.csv" for name in ("first", "again"))
    assert confusion.read_text() == confusion_again.read_text()
    assert again["miou"] == first["miou"]


def test_a_video_is_written(varied, tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "drive.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(4):
            image = np.full((48, 64, 3), 60 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    content = predicted(
        tmp_path / "out", varied, tmp_path / "drive.mp4", "frames=true", "write=[indices,coco]"
    )
    assert content["pictures"][0]["frames"] == 4
    assert content["pictures"][0]["frames_per_second"] == 5
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "coco.json",
        "drive.mp4",
        "predictions",
        "predictions.json",
    ]
    assert len(json.loads((tmp_path / "out" / "coco.json").read_text())["images"]) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["batch_size=0"], "batch_size=0: expected a whole number, 1 or more"),
        (["opacity=2"], "opacity=2: expected a share from 0 to 1"),
        (["frames=some"], "frames=some: expected true or false"),
        (["seconds=-1"], "seconds=-1: expected a time above 0"),
        (["write=[]"], r"write=\[\]: nothing would be written"),
        (["write=[coco]", "write.coco.min_area=0"], "write.coco.min_area=0: expected a number of pixels"),
        (
            ["write=[probabilities]", "write.probabilities.dtype=int8"],
            "dtype=int8: expected float16 or float32",
        ),
        (["windows_above=-3"], "windows_above=-3: expected a number of pixels"),
        (["device=3"], "device=3: expected a text"),
        (["frames=true"], "frames= and seconds= are for videos"),
        (["input=drive.mp4", "write=[coco]"], "write=: of a video .* add frames=true"),
    ],
)
def test_wrong_options_are_told(varied, val_images, tmp_path, options, said):
    with pytest.raises(ValueError, match=said):
        predicted(tmp_path / "out", varied, val_images, *options)


def test_an_output_inside_the_input_is_refused(varied, tmp_path):
    with pytest.raises(ValueError, match=r"lies in input=.*choose another output"):
        predicted(tmp_path / "given" / "out", varied, tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "checkpoint is not given"),
        (["checkpoint={}", "output=o"], "input is not given"),
        (["checkpoint={}", "input=i"], "output is not given"),
    ],
)
def test_what_is_missing_is_told(varied, tmp_path, options, said):
    from omegaconf.errors import InterpolationResolutionError

    from atrous.folders import _predict_folder

    given = dict(option.format(varied).split("=") for option in options)
    with pytest.raises((ValueError, InterpolationResolutionError), match=said):
        _predict_folder(given.get("checkpoint"), given.get("input"), given.get("output"))


def test_no_file_holds_the_password_of_a_camera(varied, tmp_path, monkeypatch):
    """Neither one of the environment, nor one of an address."""
    av = pytest.importorskip("av")
    monkeypatch.setenv("ADDRESS", "rtsp://me:hunter2@there/1")
    monkeypatch.setattr(
        video, "opened", lambda given: opened("testsrc=size=32x32:rate=10", format_name="lavfi")
    )
    for number, given in enumerate(("${oc.env:ADDRESS}", "rtsp://me:hunter2@there/1")):
        output = tmp_path / str(number)
        output.mkdir()
        content = predicted(output, varied, f"'{given}'", "seconds=0.2")
        assert content["pictures"][0]["input"] == given.replace("me:hunter2", "<redacted>")
        assert b"hunter2" not in b"".join(path.read_bytes() for path in output.rglob("*") if path.is_file())
    assert av
