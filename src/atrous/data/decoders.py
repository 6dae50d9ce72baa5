"""Fast decoders for the two kinds of file that most data sets are made of: PNG of 8 bits, and JPEG.

They give the very pixels that Pillow gives, and are stricter.  Where a library is not installed, Pillow reads
everything.  Measured by benchmarks/input.py.
"""

import struct
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from atrous.data.tags import JPEG_START, PNG_START

try:
    from kornia_rs import io as png
except ImportError:
    png = None  # type: ignore[assignment]
try:
    import simplejpeg as jpeg
except ImportError:
    jpeg = None

GREY, RGB = 0, 2  # colour types of PNG


def versions() -> list[str]:
    """The libraries that decode here, with their versions."""
    libraries = ["pillow", *(["kornia-rs"] if png else []), *(["simplejpeg"] if jpeg else [])]
    return [f"{library} {version(library)}" for library in libraries]


class Damaged(ValueError):
    """What a decoder says of a file that is of its kind, but not whole."""


def decoded_rgb(content: bytes) -> NDArray[np.uint8] | None:
    """The pixels, uint8 (H, W, 3), of an RGB PNG or a grey or YCbCr JPEG; None: a file of another kind.

    Raises Damaged.
    """
    if content.startswith(PNG_START):
        return _decoded_png(content, RGB, "rgb")
    if jpeg is None or not content.startswith(JPEG_START):
        return None
    try:
        height, width, space, _ = jpeg.decode_jpeg_header(content)
        if space not in ("YCbCr", "Gray") or _may_be_a_bomb(height, width):
            return None
        pixels: NDArray[np.uint8] = jpeg.decode_jpeg(content, fastdct=False, fastupsample=False, strict=True)
    except ValueError as error:
        raise Damaged(str(error)) from error
    return pixels


def decoded_grey(content: bytes) -> NDArray[np.uint8] | None:
    """The values, uint8 (H, W), of a grey PNG; None: a file of another kind.  Raises Damaged."""
    pixels = _decoded_png(content, GREY, "mono") if content.startswith(PNG_START) else None
    return None if pixels is None else pixels[..., 0]


def _decoded_png(content: bytes, wanted: int, mode: str) -> NDArray[np.uint8] | None:
    if png is None or len(content) < 33:
        return None
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", content[16:29])
    if (depth, color, interlaced) != (8, wanted, 0) or _may_be_a_bomb(height, width):
        return None
    try:
        pixels: NDArray[np.uint8] = png.decode_image_png_u8(content, (height, width), mode)
    except Exception as error:  # it has no narrower one
        raise Damaged(str(error)) from error
    return pixels


def _may_be_a_bomb(height: int, width: int) -> bool:
    """Whether so many pixels are for Pillow to refuse."""
    return height * width > (Image.MAX_IMAGE_PIXELS or 0)
