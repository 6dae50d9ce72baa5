"""Folders of predictions: index PNGs, written by this program or by any other."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from atrous.data.layouts.pairs import LABEL_SUFFIXES, Layout, Pair
from atrous.data.reading import read_channel, read_labels, read_objects, read_pair, size
from atrous.labels import UNKNOWN, LabelSet
from atrous.metrics.counts import PictureCounts, count_picture
from atrous.metrics.evaluation import Evaluation
from atrous.report.exports import PREDICTIONS, Indices, write_prediction
from atrous.report.layers import Picture

NO_CLASS = 255


def find(
    pairs: Sequence[Pair], folder: Path, ending: str = "", allow_missing: bool = False
) -> dict[Pair, Path]:
    """The files of the pictures' predictions: in ``folder`` or below it, named as the pictures.

    Of a folder that predict or evaluate wrote, those in its predictions/.

    A picture that is named by its folders too (a_1, where stems repeat) may lie in such folders (a/1.png).
    ending: what follows a picture's name in the file's.
    allow_missing: leave pictures without one out.
    Raises ValueError: no such folder, a prediction is missing, or there are two of it.
    """
    if not folder.is_dir():
        raise ValueError(f"predictions={folder}: no such folder; expected a folder of PNGs")
    if (folder / PREDICTIONS).is_dir():  # the output of predict or evaluate, with colours and more beside
        folder = folder / PREDICTIONS
    files = _by_name(folder, ending)
    found: dict[Pair, Path] = {}
    missing = []
    for pair in pairs:
        own = files.get(pair.name, [])
        if len(own) > 1:
            raise ValueError(
                f"{own[1]}: a prediction of picture '{pair.name}', as {own[0]}; keep one of the two"
            )
        if own:
            found[pair] = own[0]
        else:
            missing.append(pair.name)
    if not found or (missing and not allow_missing):
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(
            f"predictions={folder}: no file {missing[0]}{ending}.png{others}, of {len(pairs)} pictures; "
            "predict them all, say what follows the names (ending=_pred), or score what is there with "
            "allow_missing=true"
        )
    return found


def _by_name(folder: Path, ending: str) -> dict[str, list[Path]]:
    """The files below ``folder`` by stem, and by their folders and stem joined by _."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in LABEL_SUFFIXES and path.stem.endswith(ending) and path.is_file():
            stem = path.stem.removesuffix(ending)
            for name in {stem, "_".join((*path.relative_to(folder).parts[:-1], stem))}:
                found.setdefault(name, []).append(path)
    return found


def require_apart(folder: Path, output: Path) -> None:
    """Raises ValueError: what is written to ``output`` would lie among the predictions in ``folder``."""
    own, theirs = (output / PREDICTIONS).resolve(), folder.resolve()
    if own == theirs or own in theirs.parents or theirs in own.parents:
        raise ValueError(
            f"output={output}: its predictions/ would lie among those that are scored ({folder}); choose "
            "another output"
        )


def read_prediction(path: Path, labels: LabelSet, raw_ids: bool = False) -> NDArray[np.uint8]:
    """Class indices, uint8 (H, W); 255 where the file has none of the label set's.

    raw_ids: the file holds the label files' ids instead.
    Raises ValueError: unreadable, or more than one channel.
    """
    values = read_channel(path)
    inside = (values >= 0) & (values < 256)
    indices = np.where(inside, values, 0).astype(np.uint8)
    classes = labels.raw_table[indices] if raw_ids else indices.astype(np.int16)
    known = inside & (classes != UNKNOWN) & (classes < labels.num_classes)
    return np.where(known, classes, NO_CLASS).astype(np.uint8)


def score(
    found: Mapping[Pair, Path], layout: Layout, output: Path, raw_ids: bool, boundary_width: float
) -> Evaluation:
    """Count every picture, on all cores, and leave its prediction as class indices in ``output``.

    Raises ValueError: a prediction of another size than its labels, or a file that cannot be read.
    """
    labels = layout.labels

    def count(pair: Pair) -> PictureCounts:
        predicted = read_prediction(found[pair], labels, raw_ids)
        assert pair.label is not None
        truth = read_labels(pair.label, labels, layout.label_format)
        if predicted.shape != truth.shape:
            raise ValueError(
                f"{found[pair]}: a prediction of {size(predicted)} pixels for labels of {size(truth)} "
                f"({pair.label}); predict at the labels' own size: resizing either would change the score"
            )
        objects = None if pair.objects is None else read_objects(pair.objects, labels)
        write_prediction(output, pair.name, predicted, labels, Indices())
        return count_picture(pair.name, truth, predicted, labels, boundary_width, objects=objects)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            counted = list(track(pool.map(count, found), "score", total=len(found), transient=True))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return Evaluation.of(counted, labels, boundary_width)


def read_back(folder: Path, name: str, labels: LabelSet) -> NDArray[np.uint8]:
    """A prediction that an evaluation left in its ``folder``."""
    return read_prediction(folder / PREDICTIONS / f"{name}.png", labels)


def picture_reader(folder: Path, pairs: Iterable[Pair], layout: Layout) -> Picture:
    """By name: image, uint8 (H, W, 3), truth, and the prediction left in ``folder``, uint8 (H, W)."""
    pair_of = {pair.name: pair for pair in pairs}

    def read(name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        image, truth = read_pair(pair_of[name], layout.labels, layout.label_format)
        return image, truth, read_back(folder, name, layout.labels)

    return read
