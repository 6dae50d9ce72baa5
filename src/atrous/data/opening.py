"""A file's bytes and what Pillow makes of them; what is no picture to work with is refused by its name."""

import io
import math
import re
import struct
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from atrous.data.tags import JPEG_START, ORIENTATION, PNG_START, UPRIGHT, damaged_chunk, orientation


class Turned(ValueError):
    """A picture that programs read in two ways."""


class Lossy(ValueError):
    """Labels in a file that does not keep values."""


def content_of(path: Path) -> bytes:
    """What the file holds.  Raises ValueError: it cannot be read, is empty, or a PNG with a damaged chunk."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if not content:
        raise unreadable(path, "the file is empty")
    if content.startswith(PNG_START) and (chunk := damaged_chunk(content)):
        raise unreadable(path, f"the checksum of its {chunk} chunk is wrong")
    return content


def opened(content: bytes, path: Path, upright: bool = False, deep: bool = False) -> Image.Image:
    """The decoded picture, in its own mode.

    upright: refuse one that EXIF turns, of the kinds that ``require_upright`` does not know.
    deep: take the high bytes of one in colours with 16 bits a channel, which is else refused.
    Raises ValueError: damaged, truncated, of too many pixels, turned, or 16 bits a channel.
    """
    try:
        image, turned, deep_color = _decoded(content, upright)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many(path, int(re.findall(r"\d+", str(error))[0])) from error
    # Of a part that is cut short Pillow raises ValueError or struct.error.
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise unreadable(path, error) from error
    if turned != UPRIGHT:
        raise _is_turned(path, turned)
    if deep_color and not deep:  # pillow would keep the high bytes without a word
        raise ValueError(f"{path}: 16 bits a channel; expected 8 bits: convert it first")
    return image


def _decoded(content: bytes, upright: bool) -> tuple[Image.Image, int, bool]:
    """The picture, its orientation if ``upright`` asks for it, and whether it has 16 bits a channel."""
    if content.startswith(PNG_START):  # Pillow decodes some damage to wrong pixels without a word
        with Image.open(io.BytesIO(content)) as image:
            image.verify()
    with Image.open(io.BytesIO(content)) as image:
        if image.width * image.height > (Image.MAX_IMAGE_PIXELS or math.inf):  # of which Pillow only warns
            raise Image.DecompressionBombError(f"{image.width * image.height} pixels")
        # Before Pillow loads it: a TIFF is turned in that moment, and then says that it is upright.
        turned = image.getexif().get(ORIENTATION, UPRIGHT) if upright else UPRIGHT
        deep_color = image.mode.startswith(("RGB", "LA")) and any(";16" in str(tile) for tile in image.tile)
        image.load()
    return image, turned, deep_color


def require_upright(content: bytes, path: Path) -> None:
    """Raises Turned: a PNG or JPEG whose EXIF tag turns it."""
    if (turned := orientation(content)) != UPRIGHT:
        raise _is_turned(path, turned)


def require_exact(content: bytes, path: Path) -> None:
    """Raises Lossy: the file, whatever its name, is a JPEG, which changes values."""
    if content.startswith(JPEG_START):
        raise Lossy(
            f"{path}: labels as a JPEG, whose compression changes their values, mostly into those of other "
            "classes; make them anew from their source, as PNG"
        )


def unreadable(path: Path, error: Exception | str) -> ValueError:
    """What is said of a file that is no picture, or not a whole one."""
    reason = "of no known kind" if isinstance(error, UnidentifiedImageError) else error
    reason = error.strerror or reason if isinstance(error, OSError) else reason
    # A damaged file's own bytes may stand in it: the name of a chunk, say.
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(reason))
    return ValueError(f"{path}: cannot be read as a picture ({shown}); replace the file")


def _is_turned(path: Path, turned: int) -> Turned:
    return Turned(
        f"{path}: its EXIF tag says to turn it (orientation {turned}), which some programs do and others do "
        "not, so that picture and labels may fit only in one of them; save it turned, or take the tag out, "
        "whichever fits"
    )


def _too_many(path: Path, num_pixels: int) -> ValueError:
    return ValueError(
        f"{path}: {num_pixels} pixels; expected {Image.MAX_IMAGE_PIXELS} at most, as more may be an attack "
        "on the memory; if the file is what it should be, cut picture and labels into tiles, or shrink both"
    )
