"""LIP, Look into Person: 30,462 / 10,000 pictures of one person each, 20 classes.

Get it: https://lip.sysuhcp.com (TrainVal_images.zip, TrainVal_parsing_annotations.zip).
Licence: non-commercial research.

    lip/
        TrainVal_images/{train,val}_images/1000_1234574.jpg
        TrainVal_parsing_annotations/{train,val}_segmentations/1000_1234574.png

Labels are index PNGs, 0..19: CIHP's classes, except that 10 is jumpsuits.
"""

from pathlib import Path

from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts import cihp
from atrous.data.layouts.pairs import Pair, require_root, require_split, unpacked
from atrous.data.layouts.sources import Folders, find_pairs
from atrous.labels import label_set

_CLASSES = ["jumpsuits" if name == "torso-skin" else name for name in cihp.LABELS.classes]
LABELS = label_set(
    "lip_20", dict(zip(_CLASSES, cihp.LABELS.colors, strict=True)), mirror_pairs=cihp.MIRROR_PAIRS
)


class Lip:
    """LIP's pairs under ``root``."""

    labels = LABELS
    label_format: LabelFormat = INDEX

    def __init__(self, root: str | Path) -> None:
        self.root = require_root(root, "LIP", __doc__)

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of ``train`` or ``val``."""
        require_split(split, ("train", "val"), "LIP")
        images = unpacked(self.root, "TrainVal_images", holds="train_images")
        labels = unpacked(self.root, "TrainVal_parsing_annotations", holds="train_segmentations")
        folders = Folders(
            f"{images.relative_to(self.root)}/{{split}}_images",
            f"{labels.relative_to(self.root)}/{{split}}_segmentations",
        )
        return find_pairs(folders, self.root, split, __doc__)
