"""What the bytes of a PNG and of a JPEG say beside their pixels, found without decoding these."""

import struct
import zlib
from collections.abc import Iterator

PNG_START, JPEG_START = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
ORIENTATION = 0x0112  # EXIF's tag
UPRIGHT = 1
ORIENTATIONS = range(1, 9)
PIXELS, EXIF, END = b"IDAT", b"eXIf", b"IEND"  # chunks of PNG
SCAN, APPLICATION_1 = 0xDA, 0xE1  # segments of JPEG


def orientation(content: bytes) -> int:
    """How a picture is to be turned before it is shown, by EXIF: 1..8; 1, as it is, where it does not say."""
    blocks = _of_png(content) if content.startswith(PNG_START) else _of_jpeg(content)
    return next((found for block in blocks if (found := _of_exif(block))), UPRIGHT)


def damaged_chunk(content: bytes) -> str | None:
    """The kind of a PNG's first chunk whose checksum is wrong, those of pixels left to the decoder."""
    for kind, start, end in _chunks(content):
        if zlib.crc32(content[start - 4 : end]) != _number(content, end):
            return kind.decode("latin1")
    return None


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, and where its data begin and end, of each whole chunk of a PNG but those of pixels."""
    place, length = len(PNG_START), len(content)
    while place + 12 <= length:
        start = place + 8
        end = start + int.from_bytes(content[place : place + 4], "big")
        kind = content[place + 4 : start]
        place = end + 4
        if kind == PIXELS:  # most are: a large picture has hundreds
            continue
        if place > length:
            return
        yield kind, start, end
        if kind == END:  # what follows is no part of it
            return


def _number(content: bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 4], "big")


def _of_png(content: bytes) -> Iterator[bytes]:
    return (content[start:end] for kind, start, end in _chunks(content) if kind == EXIF)


def _of_jpeg(content: bytes) -> Iterator[bytes]:
    """The EXIF blocks among the segments that come before the pixels."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] != SCAN:
        if content[place + 1] == 0xFF:  # filling
            place += 1
            continue
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        if content[place + 1] == APPLICATION_1 and content[place + 4 : place + 10] == b"Exif\0\0":
            yield content[place + 10 : end]
        place = end


def _of_exif(block: bytes) -> int | None:
    """The orientation in a block that is built as a TIFF; None: it has none, or is not whole."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        (num_entries,) = struct.unpack_from(f"{order}H", block, start)
        for entry in range(num_entries):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", block, start + 2 + 12 * entry)
            if tag == ORIENTATION:
                return value if value in ORIENTATIONS else None
    except struct.error:  # cut short
        return None
    return None
