"""What is wrong with a file of a pair: one sentence with its name, whatever it is."""

import io
import struct
import warnings

import numpy as np
import pytest
from fabricate import turned_by
from PIL import Image

from atrous.data import decoders
from atrous.data.cache import PixelCache
from atrous.data.cached import Cached
from atrous.data.inspection.look import look
from atrous.data.label_formats import INDEX, Colors, Threshold
from atrous.data.layouts.pairs import Pair
from atrous.data.reading import Files, read_channel, read_image, read_labels, read_pair
from atrous.data.tags import orientation
from atrous.labels import label_set

LABELS = label_set("mine", {"ground": (9, 9, 9), "person": (255, 0, 0)})
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (40, 56, 3)).astype(np.uint8)
TRUTH = RNG.integers(0, 2, (40, 56)).astype(np.uint8)


def encoded(pixels, kind="png", mode=None, **options):
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def chunks(content):
    """Kind, and where its checksum lies, of each chunk of a PNG."""
    place = 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        yield content[place + 4 : place + 8].decode(), place + 8 + length
        place += 12 + length


def flipped(content, kind):
    """A PNG with one wrong bit in the checksum of its last chunk of this kind."""
    place = dict(chunks(content))[kind]
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


WHOLE = encoded(PHOTO, dpi=(72, 72))
JPEG = encoded(PHOTO, "jpeg")
MASK = encoded(TRUTH, dpi=(72, 72))
DEEP = encoded(TRUTH.astype(np.uint16))

# In the place of the picture or of the labels: what is said of it, after its name.
WRONG = [
    ("image", flipped(WHOLE, "IDAT"), r"cannot be read as a picture \(.*IDAT.*\); replace the file"),
    (
        "image",
        flipped(WHOLE, "pHYs"),
        r"cannot be read as a picture \(the checksum of its pHYs chunk is wrong\)",
    ),
    (
        "image",
        flipped(WHOLE, "IEND"),
        r"cannot be read as a picture \(the checksum of its IEND chunk is wrong\)",
    ),
    (
        "image",
        flipped(WHOLE, "IHDR"),
        r"cannot be read as a picture \(the checksum of its IHDR chunk is wrong\)",
    ),
    (
        "image",
        WHOLE.replace(b"IHDR", b"I\r\n\x1b"),
        r"cannot be read as a picture \(the checksum of its I\\r\\n\\x1b chunk is wrong\)",
    ),
    ("label", flipped(MASK, "IDAT"), r"cannot be read as a picture \(.*IDAT.*\); replace the file"),
    (
        "label",
        flipped(MASK, "pHYs"),
        r"cannot be read as a picture \(the checksum of its pHYs chunk is wrong\)",
    ),
    ("image", JPEG[: len(JPEG) // 2], r"cannot be read as a picture \(.*truncated.*\); replace the file"),
    ("image", b"", r"cannot be read as a picture \(the file is empty\); replace the file"),
    ("label", b"", r"cannot be read as a picture \(the file is empty\); replace the file"),
    ("image", DEEP, r"picture of mode I;16; expected 8 bits a channel"),
    ("label", encoded(TRUTH.astype(np.uint16) + 300), r"label value 30\d is not in label set 'mine'"),
    ("label", encoded(TRUTH + 5), r"label value 5 is not in label set 'mine'; known raw ids are 0\.\.1, 255"),
    ("label", encoded(PHOTO), r"a file of mode RGB; expected one channel of class ids"),
    ("label", encoded(TRUTH, "jpeg"), r"labels as a JPEG, .* make them anew from their source, as PNG"),
    (
        "image",
        encoded(PHOTO, "jpeg", "CMYK"),
        r"picture of mode CMYK; expected 8 bits a channel, RGB or grey",
    ),
    ("image", encoded(PHOTO, "jpeg", exif=turned_by(6)), r"its EXIF tag says to turn it \(orientation 6\)"),
    ("image", encoded(PHOTO, "png", exif=turned_by(3)), r"its EXIF tag says to turn it \(orientation 3\)"),
    ("image", encoded(PHOTO, "webp", exif=turned_by(8)), r"its EXIF tag says to turn it \(orientation 8\)"),
    ("image", encoded(PHOTO, "tiff", exif=turned_by(2)), r"its EXIF tag says to turn it \(orientation 2\)"),
    ("label", encoded(TRUTH, exif=turned_by(6)), r"its EXIF tag says to turn it \(orientation 6\)"),
    ("label", encoded(TRUTH[:, :50]), r"labels of 50x40 pixels for a picture of 56x40 \(.*image\.png\)"),
]


def pair(folder, **contents):
    """A pair of files that are called PNG, whatever they are."""
    for name, content in {"image": WHOLE, "label": MASK, **contents}.items():
        (folder / f"{name}.png").write_bytes(content)
    return Pair("a", folder / "image.png", folder / "label.png")


@pytest.mark.parametrize("library", [True, False])
@pytest.mark.parametrize(("which", "content", "said"), WRONG)
def test_what_is_wrong_is_a_sentence_in_training_and_in_inspect(
    tmp_path, monkeypatch, which, content, said, library
):
    if not library:
        monkeypatch.setattr(decoders, "png", None)
        monkeypatch.setattr(decoders, "jpeg", None)
    made = pair(tmp_path, **{which: content})
    with pytest.raises(ValueError, match=rf"{which}\.png: {said}") as raised:
        read_pair(made, LABELS)
    assert "\n" not in str(raised.value)
    record = look("train", made, LABELS, INDEX, sign=True)
    assert [problem.sentence for problem in record.problems] == [str(raised.value)]


@pytest.mark.parametrize("which", ["image", "label"])
def test_a_file_that_is_gone_or_a_folder(tmp_path, which):
    made = pair(tmp_path)
    (tmp_path / f"{which}.png").unlink()
    with pytest.raises(ValueError, match=rf"{which}\.png: .*\(No such file or directory\); replace the file"):
        read_pair(made, LABELS)
    (tmp_path / f"{which}.png").mkdir()
    with pytest.raises(ValueError, match=rf"{which}\.png: .*\(Is a directory\); replace the file"):
        read_pair(made, LABELS)


@pytest.mark.parametrize("mask", [DEEP, encoded(TRUTH, mode="P"), encoded(TRUTH > 0), MASK])
def test_labels_that_are_written_otherwise_are_the_same(tmp_path, mask):
    image = Image.open(io.BytesIO(mask))
    if image.mode == "P":
        image.putpalette([255, 0, 0, 3, 3, 3])
        file = io.BytesIO()
        image.save(file, "png")
        mask = file.getvalue()
    assert (read_pair(pair(tmp_path, label=mask), LABELS)[1] == TRUTH).all()


def test_a_turned_picture_without_labels_is_read_as_it_lies(tmp_path):
    made = pair(tmp_path, image=encoded(PHOTO, exif=turned_by(6)))
    assert (read_pair(made._replace(label=None), LABELS)[0] == PHOTO).all()
    cached = Cached(Files(LABELS), PixelCache(tmp_path / "pixels"))
    cached(made._replace(label=None))  # is kept: what it holds must not answer for labels beside it
    with pytest.raises(ValueError, match="orientation 6"):
        cached(made)


@pytest.mark.parametrize("said", [1, 0, 9, 77])
def test_a_tag_that_turns_nothing_is_no_matter(tmp_path, said):
    made = pair(tmp_path, image=encoded(PHOTO, exif=turned_by(said)))
    assert (read_pair(made, LABELS)[0] == PHOTO).all()


@pytest.mark.parametrize("kind", ["png", "jpeg"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_the_tag_is_the_one_that_pillow_finds(kind, turned):
    tags = turned_by(turned)
    tags[0x010F] = "a maker before it"
    content = encoded(PHOTO, kind, exif=tags, dpi=(72, 72))
    assert orientation(content) == Image.open(io.BytesIO(content)).getexif()[0x0112] == turned


@pytest.mark.parametrize("content", [WHOLE, JPEG, b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"text"])
def test_files_without_a_tag_are_upright(content):
    assert orientation(content) == 1


def test_a_tag_in_the_other_byte_order_and_one_that_is_cut():
    block = struct.pack(">2sHIHHHIHH", b"MM", 42, 8, 1, 0x0112, 3, 1, 6, 0)
    for cut, expected in ((0, 6), (4, 1), (len(block) - 3, 1)):
        exif = b"Exif\0\0" + block[: len(block) - cut]
        segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
        assert orientation(JPEG[:2] + segment + JPEG[2:]) == expected


def test_a_mask_of_light_and_dark_may_be_a_jpeg(tmp_path):
    """Its values are told apart by a threshold; where they are exact, a JPEG is refused in any format."""
    smooth = np.zeros((40, 56), np.uint8)
    smooth[8:24, 16:40] = 255
    path = tmp_path / "mask.png"
    path.write_bytes(encoded(smooth, "jpeg"))
    assert (read_labels(path, LABELS, Threshold()) == smooth // 255).all()
    for refused in (lambda: read_labels(path, LABELS, Colors()), lambda: read_channel(path)):
        with pytest.raises(ValueError, match=r"mask\.png: labels as a JPEG"):
            refused()


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp"])
@pytest.mark.parametrize("limit", [2000, 1000])  # of 2,240 pixels Pillow would warn, or refuse them
def test_a_picture_of_too_many_pixels(tmp_path, monkeypatch, kind, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    (tmp_path / "bomb.png").write_bytes(encoded(PHOTO, kind))
    for filtered in ("error", "ignore"):
        with warnings.catch_warnings():
            warnings.simplefilter(filtered)
            with pytest.raises(
                ValueError, match=rf"bomb\.png: 2240 pixels; expected {limit} at most, .*tiles"
            ):
                read_image(tmp_path / "bomb.png")
