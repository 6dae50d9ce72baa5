import pickle

import pytest
import torch
from torch import nn

from atrous.checkpoint import VERSION, AtomicCheckpointIO, Checkpoint, load_weights, read, require_same_labels
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
