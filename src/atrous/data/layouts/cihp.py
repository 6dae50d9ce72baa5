"""CIHP, Crowd Instance-level Human Parsing: 28,280 / 5,000 / 5,000 pictures of people, 20 classes.

Get it: https://lip.sysuhcp.com (instance-level_human_parsing).  Licence: non-commercial research.

    cihp/instance-level_human_parsing/
        Training/Images/0002190.jpg      Training/Category_ids/0002190.png      Training/train_id.txt
        Validation/Images/0032190.jpg    Validation/Category_ids/0032190.png    Validation/val_id.txt
        Testing/Images/0000001.jpg       (no labels)

Labels are index PNGs, 0..19.  A mirrored picture swaps left and right arms, legs and shoes.
Source of the colours: Engineering-Course/CIHP_PGN, utils/utils.py.
"""

from pathlib import Path

from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.lists import Ids
from atrous.data.layouts.pairs import Pair, require_root, require_split, unpacked
from atrous.data.layouts.sources import Folders, Source, find_pairs
from atrous.labels import label_set

MIRROR_PAIRS = (("left-arm", "right-arm"), ("left-leg", "right-leg"), ("left-shoe", "right-shoe"))
LABELS = label_set(
    "cihp_20",
    {
        "background": (0, 0, 0),
        "hat": (128, 0, 0),
        "hair": (255, 0, 0),
        "glove": (0, 85, 0),
        "sunglasses": (170, 0, 51),
        "upper-clothes": (255, 85, 0),
        "dress": (0, 0, 85),
        "coat": (0, 119, 221),
        "socks": (85, 85, 0),
        "pants": (0, 85, 85),
        "torso-skin": (85, 51, 0),
        "scarf": (52, 86, 128),
        "skirt": (0, 128, 0),
        "face": (0, 0, 255),
        "left-arm": (51, 170, 221),
        "right-arm": (0, 255, 255),
        "left-leg": (85, 255, 170),
        "right-leg": (170, 255, 85),
        "left-shoe": (255, 255, 0),
        "right-shoe": (255, 170, 0),
    },
    mirror_pairs=MIRROR_PAIRS,
)
SOURCES: dict[str, Source] = {
    "train": Ids("Training/train_id.txt", Folders("Training/Images", "Training/Category_ids")),
    "val": Ids("Validation/val_id.txt", Folders("Validation/Images", "Validation/Category_ids")),
    "test": Folders("Testing/Images", None),
}


class Cihp:
    """CIHP's pairs under ``root``."""

    labels = LABELS
    label_format: LabelFormat = INDEX

    def __init__(self, root: str | Path) -> None:
        root = require_root(root, "CIHP", __doc__)
        self.root = unpacked(root, "instance-level_human_parsing", holds="Training")

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of ``train``, ``val``, or ``test`` (pictures without labels)."""
        require_split(split, SOURCES, "CIHP")
        return find_pairs(SOURCES[split], self.root, split, __doc__)
