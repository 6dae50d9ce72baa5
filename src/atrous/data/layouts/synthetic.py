"""Synthetic scenes: coloured shapes on textured ground, drawn on first use.  No download, for first runs and
tests.

    synthetic/
        {train,val,test}/images/0000.png
        {train,val,test}/labels/0000.png

A scene is a function of (split, index) alone.  Shapes of four kinds overlap in random order.  Each kind has a
colour of its own, but the ground takes on any colour and every shape strays from its kind's, so neither
colour nor form is enough.  A one-pixel rim around every shape is 255 (ignored), as on the borders of PASCAL
VOC.
"""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.pairs import LABEL_SUFFIXES, Pair, list_files, match, require_split
from atrous.labels import IGNORE_INDEX, label_set
from atrous.whole import write_whole

LABELS = label_set(
    "synthetic_5",
    {
        "ground": (70, 70, 70),
        "disk": (220, 20, 60),
        "square": (0, 130, 180),
        "triangle": (250, 170, 30),
        "ring": (107, 142, 35),
    },
)
SPLITS = ("train", "val", "test")
VERSION = 1  # another drawing is another data set: it gets another folder


class Synthetic:
    """Scenes of ``size`` x ``size`` pixels, drawn into ``root`` where they are missing."""

    labels = LABELS
    label_format: LabelFormat = INDEX

    def __init__(self, root: str | Path, num_scenes: Mapping[str, int], size: int = 128) -> None:
        self.root = Path(root) / f"v{VERSION}-{size}"
        self.num_scenes = dict(num_scenes)
        self.size = size

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of ``train``, ``val`` or ``test``."""
        require_split(split, SPLITS, "the synthetic data set")
        images, labels = self.root / split / "images", self.root / split / "labels"
        names = [f"{index:04d}" for index in range(self.num_scenes[split])]
        try:
            images.mkdir(parents=True, exist_ok=True)
            labels.mkdir(parents=True, exist_ok=True)
            for index, name in enumerate(names):
                self._draw_once(split, index, images / f"{name}.png", labels / f"{name}.png")
        except OSError as error:
            raise ValueError(
                f"data.root={self.root.parent}: synthetic scenes cannot be written there ({error.strerror}); "
                "set data.root=FOLDER to a folder that can be written"
            ) from error
        wanted = set(names)
        return [
            pair
            for pair in match(list_files(images, {".png"}), list_files(labels, LABEL_SUFFIXES))
            if pair.name in wanted
        ]

    def _draw_once(self, split: str, index: int, image_path: Path, label_path: Path) -> None:
        if image_path.is_file() and label_path.is_file():
            return
        image, labels = draw_scene(np.random.default_rng([SPLITS.index(split), index]), self.size)
        _write_png(label_path, labels)
        _write_png(image_path, image[..., ::-1])


def draw_scene(rng: np.random.Generator, size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A scene: uint8 (size, size, 3) RGB and uint8 (size, size) labels, 0..4 and 255."""
    image = _texture(rng, size)
    labels = np.zeros((size, size), np.uint8)
    for _ in range(int(rng.integers(3, 7))):
        kind = int(rng.integers(1, LABELS.num_classes))
        radius = int(rng.integers(size // 8, size // 4))
        center = rng.integers(0, size, 2)
        angle = float(rng.uniform(0, 2 * np.pi))
        shape = np.zeros((size, size), np.uint8)
        _draw_shape(shape, kind, (int(center[0]), int(center[1])), radius, angle)
        inside = shape > 0
        color = np.array(LABELS.colors[kind]) + rng.normal(0, 20, 3)
        image[inside] = np.clip(color + rng.normal(0, 12, (size, size, 3))[inside], 0, 255).astype(np.uint8)
        rim = cv2.dilate(shape, np.ones((3, 3), np.uint8)).astype(bool) & ~inside
        labels[inside] = kind
        labels[rim] = IGNORE_INDEX
    return image, labels


def _texture(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    coarse = rng.uniform(60, 200, (5, 5, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 20, (size, size, 3)), 0, 255).astype(np.uint8)


def _draw_shape(
    canvas: NDArray[np.uint8], kind: int, center: tuple[int, int], radius: int, angle: float
) -> None:
    name = LABELS.classes[kind]
    if name == "disk":
        cv2.circle(canvas, center, radius, 1, thickness=-1)
    elif name == "ring":
        cv2.circle(canvas, center, radius, 1, thickness=max(2, radius // 2))
    else:
        corners = {"triangle": 3, "square": 4}[name]
        angles = angle + np.arange(corners) * 2 * np.pi / corners
        points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius * 1.2 + np.array(center)
        cv2.fillPoly(canvas, [points.round().astype(np.int32)], 1)


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Whole or not at all, so that two processes may draw the same scene at once."""
    write_whole(path, cv2.imencode(".png", pixels)[1].tobytes())
