"""Pictures as they are shown: what prediction reads, where any picture will do."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from atrous.data.decoders import Damaged, decoded_rgb
from atrous.data.opening import content_of, opened
from atrous.data.tags import UPRIGHT, orientation

DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # grey modes of more than 8 bits


def read_shown(path: Path) -> NDArray[np.uint8]:
    """A picture as a viewer shows it: uint8 (H, W, 3), RGB; of an 8-bit RGB or grey one as ``read_image``.

    EXIF's turn is made, CMYK and palettes become RGB, 16 bits their high byte, what is transparent white;
    of several frames the first is read.
    A JPEG whose decoder stumbles but finishes is taken, with a warning.
    Raises ValueError: unreadable, truncated, of too many pixels, or of numbers that are no colours.
    """
    content = content_of(path)
    if orientation(content) == UPRIGHT:
        try:
            pixels = decoded_rgb(content)
        except Damaged as error:
            image = opened(content, path, deep=True)
            warnings.warn(f"{path}: damaged ({error}); some of its pixels may be wrong", stacklevel=2)
            return shown(image, str(path))
        if pixels is not None:
            return pixels
    return shown(opened(content, path, deep=True), str(path))


def shown(image: Image.Image, name: str = "the picture") -> NDArray[np.uint8]:
    """As ``read_shown``, of a picture that Pillow opened.

    name: what the error calls it.
    Raises ValueError: of numbers that are no colours.
    """
    upright = ImageOps.exif_transpose(image)
    if upright.mode in DEEP:
        values = np.array(upright).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"{name}: grey values {values.min()} to {values.max()}; expected 0 to 65535")
        upright = Image.fromarray((values >> 8).astype(np.uint8))
    if upright.mode == "F":
        raise ValueError(f"{name}: a picture of floats (mode F); expected 8 or 16 bits: convert it first")
    if upright.has_transparency_data:
        pixels = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", pixels.size, "white"), pixels)
    return np.array(upright.convert("RGB"))
