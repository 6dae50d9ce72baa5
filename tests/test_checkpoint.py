import pickle

import pytest
import torch
from torch import nn

from atrous.checkpoint import (
    VERSION,
    AtomicCheckpointIO,
    Checkpoint,
    load,
    load_weights,
    read,
    require_same_labels,
)
from atrous.labels import label_set

LABELS = label_set("mine", ["ground", "left", "right"])


def contents(**changes):
    own = {"version": VERSION, "config": {"seed": 1}, "labels": LABELS.to_dict(), "seconds": 1.5, **changes}
    return {"atrous": own, "state_dict": {"weight": torch.zeros(3)}, "global_step": 7}


def test_round_trip(tmp_path):
    AtomicCheckpointIO().save_checkpoint(contents(), tmp_path / "run" / "a.ckpt")
    stored = read(tmp_path / "run" / "a.ckpt")
    assert stored.labels == LABELS
    assert stored.config == {"seed": 1}
    assert (stored.step, stored.seconds) == (7, 1.5)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["a.ckpt"]


class Bite:
    """Unpickling this would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("kind", ["missing", "text", "cut", "pickle", "another program's", "newer"])
def test_what_is_not_ours_is_refused(tmp_path, kind):
    path, bitten = tmp_path / "a.ckpt", tmp_path / "bitten"
    torch.save(contents(), path)
    if kind == "missing":
        path.unlink()
    elif kind == "text":
        path.write_text("hello")
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:500])
    elif kind == "pickle":
        torch.save({**contents(), "code": Bite(bitten)}, path)
    elif kind == "another program's":
        torch.save({"state_dict": {}}, path)
    else:
        torch.save(contents(version=99), path)
    with pytest.raises(ValueError, match=f"checkpoint {path}: ") as told:
        read(path)
    expected = {
        "missing": "no such file",
        "pickle": "(it holds io.open, which is more than plain data and tensors)",
        "newer": "of version 99",
        "another program's": "not a checkpoint of Atrous",
    }
    assert expected.get(kind, "damaged, or not a checkpoint of Atrous") in str(told.value)
    assert not bitten.exists()


def test_the_old_file_survives_a_save_that_fails(tmp_path):
    path = tmp_path / "a.ckpt"
    writer = AtomicCheckpointIO()
    writer.save_checkpoint(contents(), path)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        writer.save_checkpoint({**contents(), "bad": lambda: None}, path)
    assert read(path).labels == LABELS
    assert [found.name for found in tmp_path.iterdir()] == ["a.ckpt"]


def test_weights_of_more_classes_than_the_label_set_are_refused(tmp_path):
    stored = Checkpoint(tmp_path / "a.ckpt", {}, LABELS, nn.Conv2d(3, 4, 1).state_dict(), 7, 1.5)
    with pytest.raises(ValueError, match=r"a\.ckpt: its weights do not fit .* label set 'mine' of 3 classes"):
        load_weights(nn.Conv2d(3, 3, 1), stored)
    other = label_set("fewer", ["ground", "left"])
    with pytest.raises(
        ValueError, match="trained with label set 'mine' of 3 classes, but the data have 'fewer' of 2"
    ):
        require_same_labels(stored, other)


def test_a_real_checkpoint_holds_plain_data_and_tensors_alone(small_run):
    path = small_run / "last.ckpt"
    assert torch.serialization.get_unsafe_globals_in_checkpoint(path) == []
    stored = read(path)
    assert stored.step == 2
    assert load(path)["optimizer_states"]


def test_a_flipped_bit_of_a_weight_is_damage(tmp_path):
    path = tmp_path / "a.ckpt"
    torch.save({**contents(), "state_dict": {"weight": torch.full((1000,), 1.5)}}, path)
    content = bytearray(path.read_bytes())
    content[content.index(torch.full((8,), 1.5).numpy().tobytes())] ^= 1
    path.write_bytes(content)
    assert not torch.equal(
        torch.load(path, weights_only=True)["state_dict"]["weight"], torch.full((1000,), 1.5)
    )
    with pytest.raises(
        ValueError, match=r"a\.ckpt: damaged, or not .* \(its part '.*data/0' is not as it was"
    ):
        read(path)


def test_a_part_that_a_flipped_bit_marks_as_a_folder_is_damage(tmp_path):
    """Torch would leave its tensor as whatever lay in the memory.  Found by tests/fuzz."""
    path = tmp_path / "a.ckpt"
    torch.save(contents(), path)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"/data/0") - len("a") - 46  # of the zip file's directory, before the name
    assert content[entry : entry + 4] == b"PK\x01\x02"
    content[entry + 38] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged, or not .* parts are not stored as torch stores them"):
        read(path)


def deep(levels):
    return [deep(levels - 1)] if levels else []


def labels_with(**changes):
    return {"labels": {**LABELS.to_dict(), **changes}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": "3"}, "its entry 'version' is '3'; expected a whole number"),
        ({"version": None}, "its entry 'version' is None; expected a whole number"),
        ({"version": True}, "its entry 'version' is True; expected a whole number"),
        ({"config": [1]}, "its entry 'config' is list; expected a mapping"),
        ({"config": {1: 2}}, "its config has keys that are no texts"),
        ({"config": {"a": [{"b": torch.zeros(1)}]}}, "its config holds Tensor; expected plain data"),
        ({"config": {"a": deep(100)}}, "its config is more than 60 levels deep"),
        ({"labels": "cityscapes"}, "its entry 'labels' is 'cityscapes'; expected a mapping"),
        ({"labels": {}}, "its label set is none ('name' is missing)"),
        (labels_with(classes=None), "its label set is none ('NoneType' object is not iterable)"),
        (labels_with(classes=[1, 2, 3]), "its label set is none (names, colours or class indices do not fit"),
        (labels_with(colors=[[0, 0, 0]]), "its label set is none (names, colours or class indices"),
        (labels_with(mirror_pairs=[[1, 300]]), "its label set is none (names, colours or class indices"),
        (labels_with(raw_ids=[0]), "its label set is none ('list' object has no attribute 'items')"),
        (labels_with(ignore_index="x"), "its label set is none ("),
        ({"seconds": "long"}, "its seconds are 'long'; expected a number, 0 or more"),
        ({"seconds": float("nan")}, "its seconds are nan; expected a number, 0 or more"),
        ({"seconds": None}, "its seconds are None; expected a number, 0 or more"),
        ({"state_dict": {"a": 1}}, "its weights hold 'a': 1; expected tensors by name"),
        ({"state_dict": None}, "its weights are None; expected tensors by name"),
        ({"global_step": 1.5}, "its step is 1.5; expected a whole number, 0 or more"),
        ({"global_step": -1}, "its step is -1; expected a whole number, 0 or more"),
        ({"atrous": 7}, "its entry 'atrous' is 7; expected a mapping"),
    ],
)
def test_contents_of_another_kind_are_told(tmp_path, changes, said):
    outer = {key: value for key, value in changes.items() if key in ("state_dict", "global_step", "atrous")}
    inner = {key: value for key, value in changes.items() if key not in outer}
    path = tmp_path / "a.ckpt"
    torch.save({**contents(**inner), **outer}, path)
    for reader in (load, read):
        with pytest.raises(ValueError, match=f"checkpoint {path}: damaged: ") as told:
            reader(path)
        assert said in str(told.value)


@pytest.mark.parametrize("key", ["config", "labels", "seconds", "version"])
def test_an_entry_that_is_missing_is_told(tmp_path, key):
    data = contents()
    del data["atrous"][key]
    torch.save(data, tmp_path / "a.ckpt")
    with pytest.raises(ValueError, match=r"a\.ckpt: damaged: it.* (no entry|seconds are None)"):
        read(tmp_path / "a.ckpt")


@pytest.mark.parametrize(
    "address", ["https://example.org/a.ckpt", "s3://bucket/a.ckpt", "hf://me/a.safetensors"]
)
def test_an_address_is_not_fetched(address, command):
    with pytest.raises(ValueError, match=f"checkpoint={address}: an address; .* download it first"):
        read(address)
    for key, script in (("checkpoint", "evaluate"), ("resume", "train"), ("model.encoder_weights", "train")):
        said = command.fail(f"{script}.py", f"{key}={address}")
        assert said.startswith(f"atrous: {key}={address}: an address; files are read from a local disk alone")
