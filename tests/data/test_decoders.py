import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from atrous.data import decoders
from atrous.data.decoders import Damaged, decoded_grey, decoded_rgb
from atrous.data.reading import read_image, read_labels
from atrous.labels import label_set

SMOOTH = np.add.outer(np.arange(40), np.arange(56))[..., None] * [1, 2, 3]
PIXELS = (SMOOTH + np.random.default_rng(0).integers(0, 8, SMOOTH.shape)).astype(np.uint8)
BYTES = label_set("bytes", [f"class {index}" for index in range(250)])


def encoded(pixels, kind, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def by_pillow(content, mode):
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image.convert(mode))


@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[..., 0]])
@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_is_decoded_as_pillow_does(pixels, quality, subsampling):
    options = {} if pixels.ndim == 2 else {"subsampling": subsampling}
    content = encoded(pixels, "jpeg", quality=quality, **options)
    assert (decoded_rgb(content) == by_pillow(content, "RGB")).all()


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"compress_level": 0}, {"transparency": 3}])
def test_png_is_decoded_as_pillow_does(options):
    transparency = {"transparency": (3, 3, 3)} if "transparency" in options else {}
    assert (decoded_rgb(encoded(PIXELS, "png", **options | transparency)) == PIXELS).all()
    assert (decoded_grey(encoded(PIXELS[..., 1], "png", **options)) == PIXELS[..., 1]).all()


def test_other_kinds_are_left_to_pillow():
    palette = encoded(PIXELS[..., 0] // 2, "png")
    image = Image.open(io.BytesIO(palette))
    image.putpalette(range(256))
    file = io.BytesIO()
    image.save(file, "png")
    cmyk = io.BytesIO()
    Image.fromarray(PIXELS).convert("CMYK").save(cmyk, "jpeg")
    others = [
        file.getvalue(),
        cmyk.getvalue(),
        encoded(PIXELS, "webp"),
        encoded(PIXELS, "bmp"),
        b"",
        b"\x89PNG",
    ]
    others.append(encoded(PIXELS[..., 0].astype(np.uint16), "png"))
    for content in others:
        assert decoded_rgb(content) is None
        assert decoded_grey(content) is None
    assert decoded_rgb(encoded(PIXELS[..., 0], "png")) is None
    assert decoded_grey(encoded(PIXELS, "png")) is None


def test_real_pictures_are_decoded_as_pillow_does(real_data):
    files = [path for path in sorted((real_data / "samples").rglob("*")) if path.suffix in (".png", ".jpg")]
    fast = 0
    for path in files:
        content = path.read_bytes()
        for decoded, mode in ((decoded_rgb(content), "RGB"), (decoded_grey(content), "L")):
            if decoded is not None:
                fast += 1
                assert (decoded == by_pillow(content, mode)).all(), path
    assert fast > len(files) / 3


DAMAGE = st.one_of(
    st.tuples(st.just("bits"), st.floats(0, 1), st.integers(0, 7)),
    st.tuples(st.just("cut"), st.floats(0, 1), st.just(0)),
    st.tuples(st.just("zeros"), st.floats(0, 1), st.integers(1, 64)),
)


def damaged(content, damage):
    kind, place, number = damage
    at = int(place * (len(content) - 1))
    if kind == "bits":
        return content[:at] + bytes([content[at] ^ 1 << number]) + content[at + 1 :]
    return content[:at] if kind == "cut" else content[:at] + bytes(number) + content[at + number :]


@pytest.mark.parametrize("library", [True, False])
@settings(max_examples=150)
@given(damage=DAMAGE, grey=st.booleans())
def test_a_damaged_png_is_told_and_never_other_pixels(tmp_path_factory, library, damage, grey):
    pixels = PIXELS[..., 0] % 250 if grey else PIXELS
    path = tmp_path_factory.mktemp("damaged") / "a.png"
    path.write_bytes(damaged(encoded(pixels, "png"), damage))
    with pytest.MonkeyPatch.context() as patch:
        if not library:
            patch.setattr(decoders, "png", None)
        try:
            read = read_labels(path, BYTES) if grey else read_image(path)
        except ValueError as error:
            told = str(error)
        else:
            told = f"{path}: " if (read == pixels).all() else "other pixels"
    assert told.startswith(f"{path}: ")


def test_a_part_that_pillow_finds_cut_is_told_by_the_file_s_name(tmp_path):
    """For which it has another error than for the rest."""
    Image.fromarray(PIXELS[..., 0]).convert("P").save(tmp_path / "a.png", dpi=(72, 72))
    whole = (tmp_path / "a.png").read_bytes()
    start = whole.index(b"pHYs")
    part = b"pHYs" + whole[start + 4 : start + 5]
    cut = struct.pack(">I", 1) + part + struct.pack(">I", zlib.crc32(part))
    (tmp_path / "a.png").write_bytes(whole[: start - 4] + cut + whole[start + 17 :])
    with pytest.raises(ValueError, match=r"a\.png: cannot be read as a picture \(Truncated pHYs chunk\)"):
        read_image(tmp_path / "a.png")


def test_a_jpeg_that_is_decoded_in_spite_of_damage_is_named(tmp_path):
    content = encoded(PIXELS, "jpeg", quality=95)
    path = tmp_path / "bent.jpg"
    path.write_bytes(content[:900] + b"\xff\xd0" + content[900:])
    with pytest.raises(Damaged):
        decoded_rgb(path.read_bytes())
    with pytest.warns(UserWarning, match=r"bent\.jpg: damaged \(.+\); some of its pixels may be wrong"):
        assert read_image(path).shape == PIXELS.shape


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_pillow_reads_where_the_libraries_are_absent(tmp_path, monkeypatch, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(encoded(PIXELS, kind))
    fast = read_image(path)
    monkeypatch.setattr(decoders, "png", None)
    monkeypatch.setattr(decoders, "jpeg", None)
    assert decoded_rgb(path.read_bytes()) is None
    assert (read_image(path) == fast).all()


def test_more_pixels_than_pillow_allows_are_left_to_it(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    path.write_bytes(encoded(PIXELS, "png"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decoded_rgb(path.read_bytes()) is None
    with pytest.raises(ValueError, match=r"bomb\.png: 2240 pixels; expected 100 at most, .* into tiles"):
        read_image(path)
