"""Cityscapes, fine annotations: 2,975 / 500 / 1,525 street scenes of 2048x1024, read from the native tree.

Get it: https://www.cityscapes-dataset.com (leftImg8bit_trainvaltest.zip, gtFine_trainvaltest.zip).
Licence: non-commercial, after registration.

    cityscapes/
        leftImg8bit/{train,val,test}/<city>/<city>_<seq>_<frame>_leftImg8bit.png
        gtFine/{train,val,test}/<city>/<city>_<seq>_<frame>_gtFine_labelIds.png

No converter is needed: raw ids (0..33, licence plate -1, which a PNG holds as 255) are mapped while reading.
With data.lists=FOLDER the pairs are those of FOLDER/{split}.lst: lines `image label`, test lines `image`.
Label sets: 19 (the benchmark's train ids), 20 (the 19 plus misc, which takes the rest), 34 (all raw ids).
With 19, where *_gtFine_instanceIds.png lie beside the labels, objects are scored as well (iIoU).
Source of the ids, colours and categories: cityscapesscripts, helpers/labels.py.
"""

from pathlib import Path
from typing import NamedTuple

from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.lists import ListFile
from atrous.data.layouts.pairs import Pair, Unmatched, joined, require_root, require_split
from atrous.data.layouts.sources import Folders, find_pairs
from atrous.labels import IGNORE_INDEX, Color, LabelSet, label_set

LICENSE_PLATE = 255


class _Raw(NamedTuple):
    name: str
    evaluated: bool
    color: Color


# Indexed by raw id.
_RAW = (
    _Raw("unlabeled", False, (0, 0, 0)),
    _Raw("ego vehicle", False, (0, 0, 0)),
    _Raw("rectification border", False, (0, 0, 0)),
    _Raw("out of roi", False, (0, 0, 0)),
    _Raw("static", False, (0, 0, 0)),
    _Raw("dynamic", False, (111, 74, 0)),
    _Raw("ground", False, (81, 0, 81)),
    _Raw("road", True, (128, 64, 128)),
    _Raw("sidewalk", True, (244, 35, 232)),
    _Raw("parking", False, (250, 170, 160)),
    _Raw("rail track", False, (230, 150, 140)),
    _Raw("building", True, (70, 70, 70)),
    _Raw("wall", True, (102, 102, 156)),
    _Raw("fence", True, (190, 153, 153)),
    _Raw("guard rail", False, (180, 165, 180)),
    _Raw("bridge", False, (150, 100, 100)),
    _Raw("tunnel", False, (150, 120, 90)),
    _Raw("pole", True, (153, 153, 153)),
    _Raw("polegroup", False, (153, 153, 153)),
    _Raw("traffic light", True, (250, 170, 30)),
    _Raw("traffic sign", True, (220, 220, 0)),
    _Raw("vegetation", True, (107, 142, 35)),
    _Raw("terrain", True, (152, 251, 152)),
    _Raw("sky", True, (70, 130, 180)),
    _Raw("person", True, (220, 20, 60)),
    _Raw("rider", True, (255, 0, 0)),
    _Raw("car", True, (0, 0, 142)),
    _Raw("truck", True, (0, 0, 70)),
    _Raw("bus", True, (0, 60, 100)),
    _Raw("caravan", False, (0, 0, 90)),
    _Raw("trailer", False, (0, 0, 110)),
    _Raw("train", True, (0, 80, 100)),
    _Raw("motorcycle", True, (0, 0, 230)),
    _Raw("bicycle", True, (119, 11, 32)),
)
_EVALUATED = {raw.name: index for index, raw in enumerate(_RAW) if raw.evaluated}
_REST = [index for index, raw in enumerate(_RAW) if not raw.evaluated]
_COLORS = {raw.name: raw.color for raw in _RAW}
_CATEGORIES = {
    "flat": ("road", "sidewalk"),
    "construction": ("building", "wall", "fence"),
    "object": ("pole", "traffic light", "traffic sign"),
    "nature": ("vegetation", "terrain"),
    "sky": ("sky",),
    "human": ("person", "rider"),
    "vehicle": ("car", "truck", "bus", "train", "motorcycle", "bicycle"),
}
# Mean size of an object in pixels.  Source: cityscapesscripts, evalPixelLevelSemanticLabeling.py.
_INSTANCE_SIZES = {
    "person": 3462.4756337644,
    "rider": 3930.4788056518,
    "car": 12794.0202738185,
    "truck": 27855.1264367816,
    "bus": 35732.1511111111,
    "train": 67583.7075812274,
    "motorcycle": 6298.7200839748,
    "bicycle": 4672.3249222261,
}

LABEL_SETS: dict[int, LabelSet] = {
    19: label_set(
        "cityscapes_19",
        {name: _COLORS[name] for name in _EVALUATED},
        raw_ids=_EVALUATED,
        ignore=[*_REST, LICENSE_PLATE],
        categories=_CATEGORIES,
        instance_sizes=_INSTANCE_SIZES,
    ),
    20: label_set(
        "cityscapes_20",
        {name: _COLORS[name] for name in _EVALUATED} | {"misc": (0, 0, 0)},
        raw_ids={**_EVALUATED, "misc": [*_REST, LICENSE_PLATE]},
        ignore=(),
    ),
    34: label_set(
        "cityscapes_34",
        {raw.name: raw.color for raw in _RAW},
        ignore=(LICENSE_PLATE,),
    ),
}
assert LABEL_SETS[19].ignore_index == IGNORE_INDEX


class Cityscapes:
    """Cityscapes' pairs under ``root``, seen through one of its label sets.

    lists: the folder of {split}.lst, under the root or absolute; None: whatever stands in the tree.
    """

    label_format: LabelFormat = INDEX

    def __init__(self, root: str | Path, num_classes: int = 19, lists: str | None = None) -> None:
        if num_classes not in LABEL_SETS:
            raise ValueError(
                f"data.layout.num_classes={num_classes}: Cityscapes has the label sets 19, 20 and 34"
            )
        self.labels = LABEL_SETS[num_classes]
        self.root = require_root(root, "Cityscapes", __doc__)
        self._lists = lists

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of ``train``, ``val``, ``trainval``, or ``test`` (pictures without labels)."""
        require_split(split, ("train", "val", "trainval", "test"), "Cityscapes")
        if split == "trainval":
            return joined(self.pairs, ("train", "val"))
        if self._lists is not None:
            try:
                listed = find_pairs(ListFile(f"{self._lists}/{{split}}.lst"), self.root, split, __doc__)
            except Unmatched as error:
                raise error.but([_native(pair) for pair in error.pairs]) from None
            pairs = [_native(pair) for pair in listed]
        else:
            labels = None if split == "test" else "gtFine/{split}"
            tree = Folders("leftImg8bit/{split}", labels, "_leftImg8bit", "_gtFine_labelIds", deep=True)
            pairs = find_pairs(tree, self.root, split, __doc__)
        return _with_objects(pairs) if self.labels.instance_sizes else pairs


def _with_objects(pairs: list[Pair]) -> list[Pair]:
    """The pairs with their instanceIds, if all of them have some."""
    found = [
        pair._replace(objects=pair.label.with_name(pair.label.name.replace("_labelIds", "_instanceIds")))
        for pair in pairs
        if pair.label is not None
    ]
    whole = len(found) == len(pairs) and all(pair.objects and pair.objects.is_file() for pair in found)
    return found if whole else pairs


def _native(pair: Pair) -> Pair:
    """A listed pair under the name it has in the tree.

    Raises ValueError: labels of train ids, which would be taken for raw ids.
    """
    if pair.label is not None and not pair.label.stem.endswith("_labelIds"):
        raise ValueError(
            f"{pair.label}: the list names labels other than raw ids; list *_gtFine_labelIds.png"
        )
    return pair._replace(name=pair.name.removesuffix("_leftImg8bit"))
