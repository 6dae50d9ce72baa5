"""How many pixels of each class the training pictures hold: counted once, then read from a file."""

import hashlib
import io
import json
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from lightning.pytorch.utilities import rank_zero_warn
from numpy.typing import NDArray

from atrous.class_weights import counts_row
from atrous.data.label_formats import LabelFormat, spelling
from atrous.data.layouts.pairs import Pair
from atrous.data.reading import read_labels
from atrous.labels import LabelSet
from atrous.whole import write_whole

VERSION = 1  # what is counted, and how it is read, is another file when it changes


def class_counts(
    pairs: Sequence[Pair],
    labels: LabelSet,
    label_format: LabelFormat,
    folder: Path,
    tell: Callable[[str], None] = print,
    skip: bool = False,
) -> NDArray[np.int64]:
    """Pixels of each class in each picture: int64 (num_pictures, C + 1), the ignored ones in the last column.

    folder: of the files that keep the counts; one is read again as long as neither the label files (their
        path, size and time of change) nor the label set or its format change.  A damaged one is counted anew.
    tell: is told when counting begins, which for a large data set takes minutes.
    skip: a label file that cannot be read has no pixels, instead of ending this; the counts are then not
        kept, as another time it may be read.
    Raises ValueError: a label file that cannot be read, or no labelled pixel in all of them.
    """
    paths = [pair.label for pair in pairs if pair.label is not None]
    assert len(paths) == len(pairs)
    file = folder / "class_counts" / _key(paths, labels, label_format)
    counts = _read(file)
    if counts is None:
        tell(f"counting the classes in {len(paths)} label files; the counts are kept in {file}")
        with ThreadPoolExecutor() as pool:
            rows = list(pool.map(lambda path: _count(path, labels, label_format, skip), paths))
        counts = np.stack(
            [np.zeros(labels.num_classes + 1, np.int64) if row is None else row for row in rows]
        )
        if all(row is not None for row in rows):
            _write(file, counts)
    if not counts[:, :-1].any():
        raise ValueError(
            f"{paths[0].parent}: the training labels hold no pixel of label set '{labels.name}', all are "
            "ignored; check data.root and the label set"
        )
    return counts


def _count(path: Path, labels: LabelSet, label_format: LabelFormat, skip: bool) -> NDArray[np.int64] | None:
    """Int64 (C + 1,); None: it cannot be read, and that may be."""
    try:
        pixels = read_labels(path, labels, label_format)
    except ValueError:
        if skip:  # the training tells it when it meets the file
            return None
        raise
    return counts_row(np.bincount(pixels.ravel(), minlength=256), labels)


def _key(paths: Sequence[Path], labels: LabelSet, label_format: LabelFormat) -> str:
    """The name of the file for these label files as they are now."""
    digest = hashlib.sha256(json.dumps([VERSION, spelling(labels, label_format)]).encode())
    for path in paths:
        try:
            stat = path.stat()
        except OSError as error:
            raise ValueError(f"{path}: cannot be read ({error.strerror}); replace the file") from error
        digest.update(json.dumps([os.path.abspath(path), stat.st_size, stat.st_mtime_ns]).encode())
    return digest.hexdigest()


def _read(file: Path) -> NDArray[np.int64] | None:
    """The counts in ``file``; None where there is none, or what it holds is not what was written."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        return None
    counts: NDArray[np.int64] = np.load(io.BytesIO(zlib.decompress(content[32:])), allow_pickle=False)
    return counts


def _write(file: Path, counts: NDArray[np.int64]) -> None:
    """Whole or not at all, so that several processes may count at once.  Without it the next one counts."""
    packed = io.BytesIO()
    np.save(packed, counts)
    body = zlib.compress(packed.getvalue())
    try:
        write_whole(file, hashlib.sha256(body).digest() + body)
    except OSError as error:
        rank_zero_warn(
            f"{file.parent}: the class counts cannot be kept there ({error.strerror}), and the next training "
            "counts anew; set paths.cache=FOLDER to a folder that can be written"
        )
