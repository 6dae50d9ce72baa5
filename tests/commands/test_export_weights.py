"""Weights alone score as their checkpoint, and say what they are of."""

import hashlib
import json
import shutil

import pytest
import torch
from conftest import compose_command
from safetensors.torch import load_file

from atrous import checkpoint, exported
from atrous.commands.evaluate import evaluate
from atrous.commands.export_weights import export_weights
from atrous.contents import About
from atrous.labels import label_set
from atrous.metrics.evaluation import Evaluation


def exports(folder, *options):
    export_weights(compose_command("export_weights", [f"checkpoint={folder}/last.ckpt", *options], folder))


@pytest.fixture
def weights(small_run, tmp_path):
    """A file of weights with its description, in a folder of its own."""
    exports(small_run, f"output={tmp_path}/out/net.safetensors")
    return tmp_path / "out" / "net.safetensors"


def counted(path, output):
    options = [f"checkpoint={path}", "trainer=cpu", "data.num_workers=0", f"output={output}"]
    evaluate(compose_command("evaluate", options, output))
    return Evaluation.load(output / "counts.npz")


def test_weights_score_as_their_checkpoint_to_the_last_count(small_run, weights, tmp_path):
    one = counted(small_run / "last.ckpt", tmp_path / "one")
    other = counted(weights, tmp_path / "other")
    assert one.total.sum() > 0
    assert (one.total == other.total).all()
    assert one.names == other.names
    for name in ("one", "other"):
        scores = json.loads((tmp_path / name / "scores.json").read_text())
        assert scores["step"] == 2
        assert scores["costs"]["training_seconds"] > 0


def test_both_files_say_what_is_in_them(small_run, weights):
    stored = checkpoint.read(small_run / "last.ckpt")
    said = json.loads(weights.with_suffix(".json").read_text())
    assert said["schema"] == 1
    assert said["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert said["config"] == stored.config
    assert said["labels"]["classes"] == list(stored.labels.classes)
    assert (said["step"], said["seconds"]) == (2, stored.seconds)
    found = load_file(weights)  # as any other program reads them
    assert found.keys() == stored.state_dict.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in stored.state_dict.items())
    assert sorted(path.name for path in weights.parent.iterdir()) == ["net.json", "net.safetensors"]
    assert checkpoint.read(weights).labels == stored.labels


def test_without_an_output_they_lie_beside_the_checkpoint(small_run, tmp_path, command):
    shutil.copy(small_run / "last.ckpt", tmp_path)
    printed = command.succeed("-m", "atrous", "export-weights", "checkpoint=last.ckpt")
    assert "weights in last.safetensors, and what they are of in last.json beside them" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "last.json", "last.safetensors"]
    said = command.fail("train.py", "resume=last.safetensors", "trainer.max_steps=3")
    assert "resume=last.safetensors: weights alone, without the optimizer; a training goes on from" in said
    with pytest.raises(ValueError, match=r"weights alone, without the optimizer"):
        checkpoint.load(tmp_path / "last.safetensors")
    assert "weights for others" in command.succeed("-m", "atrous", "--help")
    assert "output: null" in command.succeed("-m", "atrous", "export-weights", "--help")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["output=a.pth"], r"output=a\.pth: expected a file NAME\.safetensors"),
        (["output=s3://a/b.safetensors"], "output=s3://a/b.safetensors: an address"),
        (["checkpoint=null"], r"checkpoint is not given: checkpoint=runs/\.\.\./best\.ckpt"),
        (["checkpoint=nowhere.ckpt"], r"checkpoint nowhere\.ckpt: no such file"),
    ],
)
def test_wrong_options_of_an_export_are_told(small_run, options, message):
    with pytest.raises(ValueError, match=message):
        exports(small_run, *options)


def changed(path, **changes):
    said = json.loads(path.read_text())
    said.update(changes)
    if "checksum" not in changes:
        said["checksum"] = exported._checksum(
            {key: value for key, value in said.items() if key != "checksum"}
        )
    path.write_text(json.dumps(said))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("no description", r"net\.safetensors: no net\.json beside it, which says what the weights are of"),
        ("no JSON", r"net\.json: damaged, or not of an export \(Expecting value"),
        ("a list", r"net\.json: damaged, or not of an export \(it has no entry 'schema'\)"),
        ("newer", r"net\.json: of schema 2; this Atrous reads schema 1: export again"),
        ("a class", r"net\.json: damaged or changed: its checksum is another; export again"),
        ("a bit", r"net\.safetensors: damaged, or not the weights that net\.json beside it describes"),
        ("no labels", r"net\.safetensors: not as export-weights writes it: its entry 'labels' is None"),
        ("no step", r"net\.safetensors: not as export-weights writes it: its step is 'x'"),
        ("no weights", r"net\.safetensors: not as export-weights writes it: "),
    ],
)
def test_what_is_wrong_with_exported_weights_is_told(weights, wrong, message):
    described = weights.with_suffix(".json")
    if wrong == "no description":
        described.unlink()
    elif wrong in ("no JSON", "a list"):
        described.write_text("hello" if wrong == "no JSON" else "[1]")
    elif wrong == "newer":
        changed(described, schema=2)
    elif wrong == "a class":
        described.write_text(described.read_text().replace('"disk"', '"risk"'))
    elif wrong == "a bit":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif wrong == "no labels":
        changed(described, labels=None)
    elif wrong == "no step":
        changed(described, step="x")
    else:
        weights.write_bytes(b"hello")
        changed(described, sha256=hashlib.sha256(b"hello").hexdigest())
    with pytest.raises(ValueError, match=message):
        checkpoint.read(weights)


def test_a_secret_that_an_older_checkpoint_holds_is_not_exported(small_run, tmp_path):
    data = checkpoint.load(small_run / "last.ckpt")
    data["atrous"]["config"]["logger"] = {"mine": {"api_key": "hunter2"}}
    torch.save(data, tmp_path / "last.ckpt")
    exports(tmp_path)
    assert "hunter2" not in (tmp_path / "last.json").read_text()
    assert checkpoint.read(tmp_path / "last.safetensors").config["logger"]["mine"]["api_key"] == "<redacted>"


def test_weights_that_share_memory_are_exported(tmp_path):
    weight = torch.arange(6.0).reshape(2, 3)
    said = About({"seed": 1}, label_set("mine", ["a", "b"]), 1, 1.0)
    exported.write(tmp_path / "a.safetensors", said, {"one": weight, "turned": weight.T, "same": weight})
    assert torch.equal(exported.read(tmp_path / "a.safetensors")[1]["turned"], weight.T)
    with pytest.raises(ValueError, match="the config holds what JSON cannot say, such as a number as a key"):
        exported.write(tmp_path / "b.safetensors", About({"a": {1: 2}}, said.labels, 1, 1.0), {"one": weight})
    assert not (tmp_path / "b.safetensors").exists()


def test_an_export_that_fails_leaves_the_old_files(small_run, weights, monkeypatch):
    before = weights.read_bytes(), weights.with_suffix(".json").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        exports(small_run, f"output={weights}")
    assert (weights.read_bytes(), weights.with_suffix(".json").read_bytes()) == before
    assert len(list(weights.parent.iterdir())) == 2
