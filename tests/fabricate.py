"""Small data sets in the native trees of the real ones.  A choice in conf/data is tested by a function of its
name here."""

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (48, 64)


def write_pair(image: Path, label: Path, ids: list[int], seed: int, size: tuple[int, int] = SIZE) -> None:
    """A picture whose colours say which of ``ids`` a patch has, and its index labels."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, len(ids), (size[0] // 16, size[1] // 16))
    which = patches.repeat(16, 0).repeat(16, 1)
    colors = np.random.default_rng(0).integers(0, 256, (len(ids), 3))
    for path, pixels in ((image, colors[which]), (label, np.array(ids)[which])):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)


def synthetic(root: Path) -> list[str]:
    return ["data.layout.size=64", "data.layout.num_scenes={train: 8, val: 3, test: 3}"]


def camvid(root: Path) -> list[str]:
    for split, count in (("train", 8), ("val", 3), ("test", 3)):
        for index in range(count):
            name = f"0001TP_{index:06d}.png"
            write_pair(root / split / name, root / f"{split}annot" / name, list(range(12)), index)
    return []


def cityscapes(root: Path) -> list[str]:
    for split, count in (("train", 8), ("val", 3), ("test", 2)):
        for index in range(count):
            city = ("aachen", "bochum")[index % 2]
            stem = f"{city}_{index:06d}_000019"
            write_pair(
                root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png",
                root / "gtFine" / split / city / f"{stem}_gtFine_labelIds.png",
                [0, 1, 3, 7, 8, 11, 13, 19, 21, 23, 24, 26, 33, 255],
                index,
            )
    return []


def folder(root: Path) -> list[str]:
    for split, count in (("train", 8), ("val", 3), ("test", 3)):
        for index in range(count):
            name = f"picture{index}"
            write_pair(
                root / "images" / split / f"{name}.png",
                root / "labels" / split / f"{name}.png",
                [0, 1, 2, 255],
                index,
            )
    return ["data.layout.label_set.name=mine", "data.layout.label_set.classes=[ground,left,right]"]
