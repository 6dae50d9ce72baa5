"""Pictures that show the same scene: near-duplicates of one split in another flatter a score.

Two steps.  A picture's small grey view, whole and as its middle alone, picks out a few others that might show
the same (their correlation costs a matrix product); then local features must lie alike in both.  The grey
view alone does not do: a street looks much like any other, and a second of driving changes more than that.

Measured on CamVid (SegNet form, 480x360) by `pytest -m slow tests/data/inspection/test_similar.py`: two
frames of different drives, picked out by their views, have at most 7 places in common (14,020 pairs, whose
views are as near as 0.078); two frames of one drive a second apart have 80 (median), and 8 or more in 99 % of
364 pairs.  So 8 it is.  53 of 101 val frames and 3 of 233 test frames then show the scene of a training
frame.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

ZOOMS = (1.0, 0.9, 0.8)  # the middle of a picture is what it showed whole from further off
VIEW = 16  # pixels a side
LONGEST = 320  # of the picture in which features are sought, in pixels
NUM_FEATURES = 800
NUM_CANDIDATES = 20
DISTINCT = 4  # features that lie closer, in pixels, count once
FEWEST_PLACES = 8
UNLIKE = 0.25  # views further apart are of no one scene: the furthest in CamVid had 0.19
COPY = 0.01  # as near are the views of a copy that was resized or saved anew
PLAIN = 100  # a picture of fewer features is compared by its view alone


class Signature(NamedTuple):
    """What pictures are compared by: 1.5 KB, and 40 bytes a feature.

    views: float16 (len(ZOOMS), VIEW * VIEW), of mean 0 and length 1; all 0 for a picture of one grey.
    points: float32 (K, 2), features in a picture of ``LONGEST`` pixels.  descriptors: uint8 (K, 32).
    """

    views: NDArray[np.float16]
    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]


class Near(NamedTuple):
    """Two pictures, by position, that show the same scene.

    places: that lie alike in both.  distance: of their views, 0..2 (1 - correlation).
    """

    first: int
    second: int
    places: int
    distance: float


def signature(pixels: NDArray[np.uint8]) -> Signature:
    """Of a picture, uint8 (H, W, 3)."""
    height, width = pixels.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    views = np.stack([_view(grey, zoom) for zoom in ZOOMS])
    found, descriptors = cv2.ORB.create(NUM_FEATURES, fastThreshold=7).detectAndCompute(
        grey, np.ones_like(grey)
    )
    points = np.array([feature.pt for feature in found], np.float32).reshape(-1, 2)
    described = np.asarray(descriptors, np.uint8) if found else np.zeros((0, 32), np.uint8)
    return Signature(views, points, described)


def _view(grey: NDArray[np.uint8], zoom: float) -> NDArray[np.float16]:
    height, width = (max(1, round(side * zoom)) for side in grey.shape)
    top, left = (grey.shape[0] - height) // 2, (grey.shape[1] - width) // 2
    middle = grey[top : top + height, left : left + width].astype(np.float32)
    view = np.asarray(cv2.resize(middle, (VIEW, VIEW), interpolation=cv2.INTER_AREA), np.float32).ravel()
    view = view - view.mean()
    length = float(np.linalg.norm(view))
    return np.asarray(view / length if length > VIEW else np.zeros_like(view), np.float16)


def find_near(
    signatures: Sequence[Signature],
    groups: Sequence[int],
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> list[Near]:
    """For each picture the one of an earlier group that shows the same scene, if any: the best of several.

    groups: of each picture, from 0: its split.  tell: is told of every picture compared, and of how many.
    """
    order = np.asarray(groups)
    work = [
        (int(picture), int(other), distance)
        for group in range(1, int(order.max(initial=0)) + 1)
        for picture, others in candidates(
            signatures, np.flatnonzero(order == group), np.flatnonzero(order < group)
        )
        for other, distance in others
        if distance < UNLIKE
    ]
    if not work:
        return []
    needed = max(FEWEST_PLACES, 3 * _usual_places(signatures, order))
    best: dict[int, Near] = {}
    for done, ((picture, other, distance), places) in enumerate(_compared(signatures, work), 1):
        tell(done, len(work))
        fewest = min(len(signatures[picture].points), len(signatures[other].points))
        if places >= needed or (fewest < PLAIN and distance < COPY):
            near = Near(picture, other, places, distance)
            best[picture] = min(best.get(picture, near), near, key=_order)
    return sorted(best.values(), key=_order)


def _order(near: Near) -> tuple[int, float]:
    """Most alike first."""
    return -near.places, near.distance


def _compared(
    signatures: Sequence[Signature], work: Sequence[tuple[int, int, float]]
) -> Iterator[tuple[tuple[int, int, float], int]]:
    """Each pair with its common places, on all cores: OpenCV lets other threads run."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        places = pool.map(lambda pair: common_places(signatures[pair[0]], signatures[pair[1]]), work)
        yield from zip(work, places, strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def candidates(
    signatures: Sequence[Signature],
    pictures: NDArray[np.int64],
    others: NDArray[np.int64],
    num: int = NUM_CANDIDATES,
    rows: int = 512,
) -> list[tuple[int, list[tuple[int, float]]]]:
    """The ``num`` of ``others`` whose views are nearest to each of ``pictures``, with their distances.

    rows: so many pictures are compared at a time, which bounds the memory.
    """
    if not len(pictures) or not len(others):
        return []
    there = np.stack([signatures[index].views for index in others]).astype(np.float32)
    found = []
    for start in range(0, len(pictures), rows):
        chunk = pictures[start : start + rows]
        here = np.stack([signatures[index].views for index in chunk]).astype(np.float32)
        likeness = here[:, 0] @ there[:, 0].T
        for zoomed in range(1, len(ZOOMS)):
            np.maximum(likeness, here[:, zoomed] @ there[:, 0].T, out=likeness)
            np.maximum(likeness, here[:, 0] @ there[:, zoomed].T, out=likeness)
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :num]
        for index, row, columns in zip(chunk, likeness, nearest, strict=True):
            found.append((int(index), [(int(others[one]), float(1 - row[one])) for one in columns]))
    return found


def common_places(first: Signature, second: Signature) -> int:
    """How many distinct places of one picture lie alike in the other: moved, scaled, hardly turned."""
    if min(len(first.points), len(second.points)) < FEWEST_PLACES:
        return 0
    distances, nearest = cv2.batchDistance(
        first.descriptors, second.descriptors, cv2.CV_32S, normType=cv2.NORM_HAMMING, K=2
    )
    clear = distances[:, 0] < 0.8 * distances[:, 1]  # and not as near to a second one
    if clear.sum() < FEWEST_PLACES:
        return 0
    here, there = first.points[clear], second.points[nearest[clear, 0]]
    cv2.setRNGSeed(0)
    moved, kept = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=5)
    moved = np.asarray(moved)
    if moved.shape != (2, 3):  # none was found
        return 0
    scale, angle = float(np.hypot(moved[0, 0], moved[1, 0])), np.arctan2(moved[1, 0], moved[0, 0])
    if not 0.4 < scale < 2.5 or abs(angle) > np.radians(20):
        return 0
    return min(_distinct(points[kept.ravel() > 0]) for points in (here, there))


def _distinct(points: NDArray[np.float32]) -> int:
    return len({(int(x), int(y)) for x, y in points // DISTINCT})


def _usual_places(signatures: Sequence[Signature], groups: NDArray[np.int64]) -> int:
    """What any two pictures of different groups have in common: a car's bonnet, a logo, a fixed camera."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, len(groups), (400, 2))
    pairs = pairs[groups[pairs[:, 0]] != groups[pairs[:, 1]]][:100]
    shared = [common_places(signatures[first], signatures[second]) for first, second in pairs]
    return int(np.median(shared)) if shared else 0
