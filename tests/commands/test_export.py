"""atrous export: files that compute what the checkpoint computes, and what is told where they do not."""

import json
import re
import subprocess
import venv

import numpy as np
import pytest
from conftest import CHECKOUT, compose_command
from PIL import Image

import atrous
from atrous import build, checkpoint
from atrous.commands.export import export

# Of the weights that chance drew logits are millions, and so are their differences: labels count.
ANY_LOGITS = "tolerance.logits=null"
FEW = 1e-3  # of the pixels: two programs round differently, and here and there two classes are as good
FORMATS = {"onnx": ".onnx", "onnx_int8": ".onnx", "torch_export": ".pt2", "torchscript": ".pt"}


def composed(output, file, scenes, *options):
    where = [f"checkpoint={file}", f"output={output}", f"data.root={scenes}", "repetitions=1"]
    return compose_command("export", [*where, *options], output.parent)


def report(output):
    return json.loads((output.parent / f"{output.name}.parity.json").read_text())


def test_onnx_is_the_checkpoint_and_says_what_it_is(varied, scenes, val_images, tmp_path):
    import onnxruntime

    output = tmp_path / "net.onnx"
    export(composed(output, varied, scenes, ANY_LOGITS))
    said = report(output)
    assert said["passed"]
    assert said["format"] == "onnx"
    assert said["parity"]["num_pictures"] == 5
    assert said["parity"]["miou_before"] > 0
    assert said["parity"]["miou_before"] == pytest.approx(said["parity"]["miou_after"], abs=1e-4)
    assert set(said["latency"]["milliseconds"]) == {"eager", "exported"}
    session = onnxruntime.InferenceSession(output)
    model = atrous.load(varied, device="cpu")
    described = session.get_modelmeta().custom_metadata_map
    assert json.loads(described["classes"]) == list(model.labels.classes)
    assert {key: said[key] for key in described} == described
    for size in ((64, 64), (47, 90)):  # neither is that of the recording
        shown = Image.open(val_images / "0000.png").convert("RGB").resize(size[::-1])
        images = np.stack([np.asarray(shown), np.asarray(shown)[::-1]])
        labels = session.run(["labels"], {"images": images})[0]
        assert (labels != np.stack(model.predict(list(images)))).mean() <= FEW
    assert len(np.unique(labels)) > 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx", "net.onnx.parity.json"]


def test_pictures_without_labels_and_a_file_that_is_there_already(varied, val_images, tmp_path, scenes):
    output = tmp_path / "net.pt"
    options = ("format=torchscript", f"pictures={val_images}", "num_pictures=2")
    export(composed(output, varied, scenes, *options))
    assert report(output)["parity"] == {
        "num_pictures": 2, "logits": 0.0, "pixels": 0.0, "miou_before": None, "miou_after": None, "miou": None
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"net\.pt: is there already; overwrite=true replaces it"):
        export(composed(output, varied, scenes, *options))
    export(composed(output, varied, scenes, *options, "overwrite=true", "repetitions=0"))
    assert report(output)["latency"]["milliseconds"] == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["checkpoint=null"], r"checkpoint is not given: checkpoint=runs/\.\.\./best\.ckpt"),
        (["checkpoint=nowhere.ckpt"], r"checkpoint=nowhere\.ckpt: no such file"),
        (["output=null"], r"output is not given: output=NAME\.onnx"),
        (["output=net.pth"], r"output=net\.pth: expected a file NAME\.onnx for this format"),
        (["output=net.onnx", "format=torch_export"], r"expected a file NAME\.pt2 for this format"),
        (["output=s3://a/net.onnx"], "output=s3://a/net.onnx: an address"),
        (["weights=ema"], r"weights=ema: checkpoint .* holds raw"),
        (["num_pictures=0"], "num_pictures=0: expected a whole number, 1 or more"),
        (["num_threads=0"], "num_threads=0: expected a whole number, 1 or more"),
        (["repetitions=-1"], "repetitions=-1: expected a whole number, 0 or more"),
        (["overwrite=1", "output=."], "overwrite=1: expected true or false"),
        (["compile=x"], "compile=x: expected true or false"),
        (["tolerance.pixels=-1"], r"tolerance\.pixels=-1: expected a number"),
        (
            ["tolerance.logits=null", "tolerance.pixels=null", "pictures=x"],
            "null for all that these pictures can show",
        ),
        (["pictures=nowhere"], "pictures=nowhere: no such file or folder"),
        (["split=tset"], "tset"),
        (
            ["inference=slide"],
            r"whole and at its own size; choose inference=whole",
        ),
        (["inference.flip=true"], r"flip=True, .*choose inference=whole"),
        (["format=onnx_int8", "format.num_pictures=0"], r"format\.num_pictures=0: expected a number of"),
    ],
)
def test_wrong_options_are_told_before_anything_is_written(varied, scenes, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        export(composed(tmp_path / "net.onnx", varied, scenes, *options))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_one_sentence(varied, scenes, tmp_path, monkeypatch):
    monkeypatch.setattr("atrous.exporting.formats.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs onnxscript: pip install 'atrous\[export\]'"):
        export(composed(tmp_path / "net.onnx", varied, scenes))


def test_a_missing_compiler_is_told_before_anything_is_written(varied, scenes, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match=r"torch\.compile needs a C\+\+ compiler, .*leave compile=true out"):
        export(composed(tmp_path / "net.onnx", varied, scenes, "compile=true"))
    assert list(tmp_path.iterdir()) == []


def test_calibration_reads_training_pictures_alone(varied, scenes, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr("atrous.data.reading.read_image", lambda path: read.append(path) or path)
    cfg = composed(tmp_path / "net.onnx", varied, scenes)
    assert len(build.calibration(cfg, checkpoint.read(varied))(7)) == 7
    assert len(set(read)) == 7
    assert {path.parents[1].name for path in read} == {"train"}


@pytest.mark.faults
@pytest.mark.parametrize("name", ["onnx_int8", "torch_export"])
def test_every_format_holds(varied, scenes, tmp_path, name):
    import onnx

    output = tmp_path / f"net{FORMATS[name]}"
    held = ("tolerance.miou=0.1", "tolerance.pixels=0.2", ANY_LOGITS)
    export(composed(output, varied, scenes, f"format={name}", *held))
    assert report(output)["passed"]
    if name == "onnx_int8":
        assert report(output)["parity"]["logits"] > 0
        nodes = [node.op_type for node in onnx.load(output).graph.node]
        assert "DequantizeLinear" in nodes


@pytest.mark.faults
def test_a_file_that_is_too_far_off_is_kept_as_failed(command, varied):
    options = ("output=net.onnx", "tolerance.logits=0", "repetitions=0")
    said = command.fail("-m", "atrous", "export", f"checkpoint={varied}", *options)
    assert "output=net.onnx: too far from the checkpoint: logits" in said
    assert "the file is kept as net.onnx.failed" in said
    names = sorted(path.name for path in command.folder.iterdir())
    assert names == ["net.onnx.failed", "net.onnx.failed.parity.json"]
    command.succeed("-m", "atrous", "export", f"checkpoint={varied}", *options[::2], "tolerance.logits=10")
    names = sorted(path.name for path in command.folder.iterdir())
    assert names == ["net.onnx", "net.onnx.parity.json"]
    said = command.fail("-m", "atrous", "export", f"checkpoint={varied}", "output=a.onnx", "format=onx")
    assert "format=onx: no such choice, did you mean onnx; choose one of onnx, onnx_int8," in said


@pytest.mark.faults
def test_it_predicts_where_there_is_only_onnxruntime(varied, scenes, val_images, tmp_path):
    """With the program that docs/export.md shows."""
    export(composed(tmp_path / "net.onnx", varied, scenes, ANY_LOGITS))
    page = (CHECKOUT / "docs" / "export.md").read_text()
    program = re.search(r"```python\n(import json.*?)```", page, re.DOTALL)
    assert program is not None
    (tmp_path / "label.py").write_text(program[1])
    home = tmp_path / "env"
    venv.create(home, with_pip=True, symlinks=True)
    python, pins = home / "bin" / "python", CHECKOUT / "constraints.txt"
    installing = [python, "-m", "pip", "install", "--quiet", "-c", pins, "numpy", "onnxruntime", "pillow"]
    installed = subprocess.run(installing, capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"nothing could be installed: {installed.stderr.splitlines()[-1]}")
    held = subprocess.run([python, "-c", "import torch"], capture_output=True, text=True)
    assert "ModuleNotFoundError" in held.stderr
    for picture in sorted(val_images.iterdir()):
        arguments = ["net.onnx", picture, "labels.png"]
        subprocess.run([python, "label.py", *arguments], cwd=tmp_path, check=True, env={})
        labels = np.array(Image.open(tmp_path / "labels.png"))
        assert (labels != atrous.load(varied, device="cpu").predict(picture)).mean() <= FEW
