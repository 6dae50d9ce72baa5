"""Pictures as viewers show them."""

import numpy as np
import pytest
from PIL import Image

from atrous.data.reading import read_image
from atrous.data.showing import read_shown

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
RGB = np.stack([GREY, GREY[::-1], 255 - GREY], -1)


def saved(tmp_path, image, name, **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.mark.parametrize("name", ["rgb.png", "rgb.jpg", "rgb.webp", "rgb.bmp", "rgb.tif"])
def test_what_evaluation_reads_is_read_as_evaluation_does(tmp_path, name):
    path = saved(tmp_path, Image.fromarray(RGB), name)
    assert np.array_equal(read_shown(path), read_image(path))


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_exif_turns_it(tmp_path, ending):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned clockwise
    path = saved(tmp_path, Image.fromarray(GREY).convert("RGB"), f"turned.{ending}", exif=exif)
    plain = saved(tmp_path, Image.fromarray(GREY).convert("RGB"), f"plain.{ending}")
    assert np.array_equal(read_shown(path), np.rot90(read_shown(plain), -1))


def test_16_bits_become_8(tmp_path):
    deep = saved(tmp_path, Image.fromarray(GREY.astype(np.uint16) * 257), "deep.png")
    assert np.array_equal(read_shown(deep), np.repeat(GREY[..., None], 3, 2))


def test_other_modes(tmp_path):
    image = Image.fromarray(RGB)
    clear = image.convert("RGBA")
    clear.putalpha(Image.fromarray(np.where(GREY > 100, 255, 0).astype(np.uint8)))
    found = read_shown(saved(tmp_path, clear, "clear.png"))
    assert np.array_equal(found, np.where(GREY[..., None] > 100, RGB, 255))
    inks = saved(tmp_path, image.convert("CMYK"), "inks.jpg", quality=100)
    assert np.abs(read_shown(inks).astype(int) - RGB).mean() < 8
    grey = saved(tmp_path, Image.fromarray(GREY), "grey.png")
    assert np.array_equal(read_shown(grey)[..., 1], GREY)
    frames = saved(tmp_path, image, "frames.tif", save_all=True, append_images=[image.rotate(180)])
    assert np.array_equal(read_shown(frames), RGB)


def test_what_is_no_picture_is_told(tmp_path):
    cut = saved(tmp_path, Image.fromarray(RGB), "cut.png")
    cut.write_bytes(cut.read_bytes()[:60])
    floats = saved(tmp_path, Image.fromarray(GREY.astype(np.float32)), "floats.tif")
    with pytest.raises(ValueError, match=r"cut.png: cannot be read as a picture"):
        read_shown(cut)
    with pytest.raises(ValueError, match=r"floats.tif: a picture of floats"):
        read_shown(floats)
