"""Regions of a class as polygons along the edges of pixels: drawn again they give the same pixels."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.int32]


class Region(NamedTuple):
    """Pixels of one class that touch at their sides.

    outer, holes: int32 (K, 2), x and y of the corners, in pixels from the picture's upper left corner; the
        first is not repeated.  By the shoelace formula the outer ring's area is positive, a hole's negative.
    area: in pixels.  box: left, top, width, height.
    mask: bool, the pixels within the box.
    """

    class_index: int
    outer: Ring
    holes: tuple[Ring, ...]
    area: int
    box: tuple[int, int, int, int]
    mask: NDArray[np.bool_]


def regions(indices: NDArray[np.uint8], num_classes: int, min_area: int = 1) -> Iterator[Region]:
    """The regions of class indices, uint8 (H, W), of at least ``min_area`` pixels, class after class.

    Pixels that touch at a corner alone are in two regions: a ring then never meets itself.
    """
    for class_index in range(num_classes):
        of_class = (indices == class_index).view(np.uint8)
        if not of_class.any():
            continue
        num, numbers, found, _ = cv2.connectedComponentsWithStats(of_class, connectivity=4)
        for number in range(1, num):
            left, top, width, height, area = (int(value) for value in found[number])
            if area >= min_area:
                mask = numbers[top : top + height, left : left + width] == number
                outer, holes = _rings(mask, left, top)
                yield Region(class_index, outer, holes, area, (left, top, width, height), mask)


def _rings(mask: NDArray[np.bool_], left: int, top: int) -> tuple[Ring, tuple[Ring, ...]]:
    """The outer ring, and those of the holes.

    OpenCV's contours run through the centres of pixels.  With each pixel as 2x2 they run through its
    quarters, of which each lies at one corner of the pixel: that is where the ring runs.
    """
    double = mask.view(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    contours, tree = cv2.findContours(double, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = [_corners((contour[:, 0] + 1) // 2) + np.array([left, top], np.int32) for contour in contours]
    inside = [int(entry[3]) >= 0 for entry in tree[0]]
    outer = next(ring for ring, hole in zip(rings, inside, strict=True) if not hole)
    holes = [ring for ring, hole in zip(rings, inside, strict=True) if hole]
    return _turned(outer, 1), tuple(_turned(hole, -1) for hole in holes)


def _corners(points: NDArray[Any]) -> Ring:
    """Without points that repeat, and those between two corners."""
    ring = points.astype(np.int32)
    ring = ring[(ring != np.roll(ring, 1, axis=0)).any(1)]
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    corners: Ring = ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    return corners


def _turned(ring: Ring, sign: int) -> Ring:
    return ring if signed_area(ring) * sign > 0 else ring[::-1]


def signed_area(ring: Ring) -> int:
    """By the shoelace formula, in pixels."""
    x, y = ring.astype(np.int64).T
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) // 2
