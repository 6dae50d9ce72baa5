"""PASCAL VOC 2007 and 2012, segmentation: 209 / 213 / 210 and 1,464 / 1,449 / 1,456 pictures, 21 classes.

Get it: http://host.robots.ox.ac.uk/pascal/VOC (VOCtrainval, VOCtest).  Terms of the pictures: Flickr's.

    voc/VOCdevkit/VOC{2007,2012}/
        JPEGImages/2007_000032.jpg
        SegmentationClass/2007_000032.png
        ImageSets/Segmentation/{train,val,trainval,test}.txt

Labels are palette PNGs that are read by index; the border, 255, is ignored.  2007 has test labels, 2012 none.

trainaug, 2012 only: the 10,582 training pictures of VOC and SBD together, with

        SegmentationClassAug/2007_000032.png
        ImageSets/Segmentation/trainaug.txt          (or train_aug.txt; ids, or `image label` a line)
"""

from pathlib import Path

from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.lists import Ids
from atrous.data.layouts.pairs import Pair, require_root, require_split, unpacked
from atrous.data.layouts.sources import Folders, find_pairs
from atrous.labels import label_set

LABELS = label_set(  # colours: the VOC colour map
    "voc_21",
    [
        "background",
        *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
        *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train"),
        "tvmonitor",
    ],
)
SPLITS = {
    2007: ("train", "val", "trainval", "test"),
    2012: ("train", "val", "trainval", "trainaug", "test"),
}


class Voc:
    """The pairs of one year of VOC under ``root``."""

    labels = LABELS
    label_format: LabelFormat = INDEX

    def __init__(self, root: str | Path, year: int = 2012) -> None:
        if year not in SPLITS:
            raise ValueError(f"data.layout.year={year}: expected 2007 or 2012")
        root = require_root(root, "PASCAL VOC", __doc__)
        self.root = unpacked(root, "VOCdevkit", holds=f"VOC{year}") / f"VOC{year}"
        self.year = year

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of a split; 2012's ``test`` are pictures without labels."""
        require_split(split, SPLITS[self.year], f"VOC {self.year}")
        labels: str | None = "SegmentationClass"
        if split == "trainaug":
            labels = "SegmentationClassAug"
        elif (self.year, split) == (2012, "test"):
            labels = None
        listed = Ids(f"ImageSets/Segmentation/{self._list(split)}.txt", Folders("JPEGImages", labels))
        return find_pairs(listed, self.root, split, __doc__)

    def _list(self, split: str) -> str:
        other = self.root / "ImageSets/Segmentation/train_aug.txt"
        return other.stem if split == "trainaug" and other.is_file() else split
