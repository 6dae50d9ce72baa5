"""One pair is looked at as a training would read it."""

import pickle
import tracemalloc

import numpy as np
import pytest
from fabricate import colored, grey, palette, smooth_mask
from PIL import Image

from atrous.class_weights import counts_row
from atrous.data.inspection.look import look
from atrous.data.inspection.scan import scan
from atrous.data.label_formats import INDEX, Colors, Threshold
from atrous.data.layouts.pairs import Pair
from atrous.data.processes import CHUNK
from atrous.data.reading import read_labels, read_pair
from atrous.labels import label_set

LABELS = label_set("mine", {"ground": (9, 9, 9), "person": (255, 0, 0)})
MANY = [(red, green, 7) for red in range(40) for green in range(40)]


def pair(folder, ids, spell=grey, name="a"):
    rng = np.random.default_rng(0)
    image, label = folder / f"{name}.jpg", folder / f"{name}.png"
    Image.fromarray(rng.integers(0, 256, (*ids.shape, 3)).astype(np.uint8)).save(image)
    spell(ids).save(label)
    return Pair(name, image, label)


@pytest.mark.parametrize(
    ("label_format", "spell", "ids"),
    [
        (INDEX, grey, [0, 1, 255]),
        (INDEX, palette, [0, 1, 255]),
        (INDEX, lambda ids: Image.fromarray(ids.astype(np.uint16)), [0, 1, 255]),
        (INDEX, lambda ids: Image.fromarray(ids > 0), [0, 1]),
        (Colors(), colored(list(LABELS.colors)), [0, 1]),
        (Threshold(), smooth_mask, [0, 1]),
        (Threshold(), colored(MANY), list(range(1600))),
    ],
)
def test_counts_are_those_of_the_labels_as_they_are_read(tmp_path, label_format, spell, ids):
    made = pair(tmp_path, np.random.default_rng(1).choice(ids, (40, 56)), spell)
    record = look("train", made, LABELS, label_format, sign=True)
    assert record.sound
    assert record.size == (56, 40)
    read = read_labels(made.label, LABELS, label_format)
    expected = counts_row(np.bincount(read.ravel(), minlength=256), LABELS)
    assert record.seen.counts.tolist() == expected.tolist()
    if record.seen.values is not None:
        assert sum(record.seen.values.values()) == 40 * 56
    assert (record.seen.values is None) == (len(ids) > 1024)


def test_what_is_held_of_a_label_file_is_small(tmp_path):
    """However many values it has: as a worker hands it over."""
    sizes = []
    for count in (256, 1024, 1100):
        colors = [(value, value, value) for value in range(256)] if count == 256 else MANY[:count]
        ids = np.arange(48 * 64).reshape(48, 64) % len(colors)
        record = look("train", pair(tmp_path, ids, colored(colors)), LABELS, Threshold(), sign=False)
        assert len(record.seen.values or {}) == len(record.seen.meanings) == (count if count <= 1024 else 0)
        packed = pickle.dumps(record)
        tracemalloc.start()
        held = [pickle.loads(packed) for _ in range(10)]
        sizes.append(tracemalloc.get_traced_memory()[0] / len(held))
        tracemalloc.stop()
    assert sizes[2] < 4_000
    assert sizes[0] < sizes[2] + 256 * 18 + 2_000
    assert sizes[1] < sizes[2] + 1024 * 18 + 2_000


def test_labels_of_many_values_in_16_bits_are_not_listed(tmp_path):
    made = pair(tmp_path, np.arange(2000).reshape(40, 50), lambda ids: Image.fromarray(ids.astype(np.uint16)))
    record = look("train", made, LABELS, INDEX, sign=False)
    assert record.seen.values is None
    assert [problem.kind for problem in record.problems] == ["unknown_value"]


def test_what_stops_a_training_is_a_problem_in_the_same_words(tmp_path):
    ids = np.zeros((40, 56), np.uint8)
    broken = {
        "value": pair(tmp_path, ids + 7, name="value"),
        "color": pair(tmp_path, ids, colored(list(LABELS.colors)), name="color"),
        "size": pair(tmp_path, ids, name="size"),
        "image": pair(tmp_path, ids, name="image"),
    }
    Image.open(broken["size"].label).resize((56, 20)).save(broken["size"].label)
    broken["image"].image.write_bytes(broken["image"].image.read_bytes()[:300])
    for made in broken.values():
        record = look("train", made, LABELS, INDEX, sign=False)
        with pytest.raises(ValueError, match=made.name) as raised:
            read_pair(made, LABELS)
        assert [problem.sentence for problem in record.problems] == [str(raised.value)]
        assert not record.sound


def test_processes_see_what_one_sees(tmp_path):
    ids = np.random.default_rng(1).choice([0, 1, 255], (40, 56))
    made = [("train", pair(tmp_path, ids, name=f"{index}")) for index in range(2 * CHUNK + 1)]
    told = []
    (alone, _), (together, complete) = (
        scan(made, LABELS, INDEX, False, workers, lambda done, total: told.append((done, total)))
        for workers in (0, 2)
    )
    assert complete
    assert [record.pair for record in together] == [each for _, each in made]
    assert [record.digest for record in together] == [record.digest for record in alone]
    assert told[-1] == (17, 17)
