"""Damaged pictures and label files: a sentence, the right pixels, or (JPEG has no checksum) a warning."""

import io
import warnings

import numpy as np
import pytest
from damage import STEPS, damaged, examples, require_ours, tallied
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from atrous.data.label_formats import INDEX, Colors
from atrous.data.reading import read_image, read_labels
from atrous.labels import label_set

LABELS = label_set("mine", [f"class{index}" for index in range(5)])
SIZE = (48, 64)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def files():
    """The files of each test: its name -> what it holds, and the pixels that belong to it."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 5, (6, 8)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    photo = (rng.random((*SIZE, 3)) * 40 + classes[..., None] * 40).astype(np.uint8)
    palette = Image.fromarray(classes)
    palette.putpalette(LABELS.palette.tobytes())
    jpeg = encoded(Image.fromarray(photo), "JPEG", quality=90)
    flat = Image.fromarray(np.zeros(SIZE, np.uint8))
    return {
        "grey.png": (encoded(Image.fromarray(classes), "PNG"), classes),
        "palette.png": (encoded(palette, "PNG"), classes),
        "colors.png": (encoded(Image.fromarray(LABELS.palette[classes]), "PNG"), classes),
        "labels.jpg": (encoded(flat, "JPEG", quality=100), np.zeros(SIZE, np.uint8)),
        "photo.png": (encoded(Image.fromarray(photo), "PNG"), photo),
        "grey-photo.png": (encoded(Image.fromarray(classes), "PNG"), classes[..., None].repeat(3, -1)),
        "palette-photo.png": (encoded(palette, "PNG"), LABELS.palette[classes]),
        "photo.jpg": (jpeg, np.array(Image.open(io.BytesIO(jpeg)))),
    }


def read(path, content, reader):
    """The pixels, and whether a warning named the file.  None: a sentence did."""
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            pixels = reader(path)
        except ValueError as error:
            require_ours(error, path)
            return None, False
    return pixels, any(str(path) in str(each.message) for each in caught)


def judge(tally, pixels, warned, right, has_checksum):
    if pixels is None:
        tally("our error")
    elif pixels.shape == right.shape and (pixels == right).all():
        tally("right result")
    else:
        assert not has_checksum, "other pixels, and not a word"
        tally("a warning, and other pixels" if warned else "other pixels (no checksum)")


@examples(200)
@given(steps=STEPS, name=st.sampled_from(["grey.png", "palette.png", "colors.png", "labels.jpg"]))
@example(steps=[("cut", 0.99, 0, 1, b"a")], name="grey.png")
@example(steps=[("cut", 0.99, 0, 1, b"a")], name="palette.png")
def test_a_damaged_label_file(files, tmp_path, steps, name):
    whole, right = files[name]
    label_format = Colors() if name == "colors.png" else INDEX
    pixels, warned = read(
        tmp_path / name, damaged(whole, steps), lambda path: read_labels(path, LABELS, label_format)
    )
    if pixels is not None:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 2
        assert np.isin(pixels, [0, 1, 2, 3, 4, 255]).all()
    judge(tallied("label file"), pixels, warned, right, name.endswith("png"))


@examples(200)
@given(steps=STEPS, name=st.sampled_from(["photo.png", "grey-photo.png", "palette-photo.png", "photo.jpg"]))
def test_a_damaged_picture(files, tmp_path, steps, name):
    whole, right = files[name]
    pixels, warned = read(tmp_path / name, damaged(whole, steps), read_image)
    if pixels is not None:
        assert pixels.dtype == np.uint8
        assert pixels.shape[2:] == (3,)
    judge(tallied("picture"), pixels, warned, right, name.endswith("png"))
