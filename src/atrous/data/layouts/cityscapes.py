"""Cityscapes, fine annotations: 2,975 / 500 / 1,525 street scenes of 2048x1024, read from the native tree.

Get it: https://www.cityscapes-dataset.com (leftImg8bit_trainvaltest.zip, gtFine_trainvaltest.zip).
Licence: non-commercial, after registration.

    cityscapes/
        leftImg8bit/{train,val,test}/<city>/<city>_<seq>_<frame>_leftImg8bit.png
        gtFine/{train,val,test}/<city>/<city>_<seq>_<frame>_gtFine_labelIds.png

No converter is needed: raw ids (0..33, licence plate -1, which a PNG holds as 255) are mapped while reading.
Label sets: 19 (the benchmark's train ids), 20 (the 19 plus misc, which takes the rest), 34 (all raw ids).
Source of the ids and colours: cityscapesscripts, helpers/labels.py.
"""

from pathlib import Path
from typing import NamedTuple

from atrous.data.layouts.pairs import (
    IMAGE_SUFFIXES,
    LABEL_SUFFIXES,
    Pair,
    list_files,
    match,
    require_root,
    require_split,
)
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

LABEL_SETS: dict[int, LabelSet] = {
    19: label_set(
        "cityscapes_19",
        {name: _COLORS[name] for name in _EVALUATED},
        raw_ids=_EVALUATED,
        ignore=[*_REST, LICENSE_PLATE],
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
    """Cityscapes' pairs under ``root``, seen through one of its label sets."""

    def __init__(self, root: str | Path, num_classes: int = 19) -> None:
        self.root = Path(root)
        if num_classes not in LABEL_SETS:
            raise ValueError(
                f"data.layout.num_classes={num_classes}: Cityscapes has the label sets 19, 20 and 34"
            )
        self.labels = LABEL_SETS[num_classes]
        require_root(self.root, "Cityscapes", __doc__)

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of ``train``, ``val``, ``trainval``, or ``test`` (pictures without labels)."""
        require_split(split, ("train", "val", "trainval", "test"), "Cityscapes")
        if split == "trainval":
            return self.pairs("train") + self.pairs("val")
        images = self._by_city("leftImg8bit", split, IMAGE_SUFFIXES, "_leftImg8bit")
        if split == "test":
            return [Pair(name, path, None) for name, path in sorted(images.items())]
        return match(images, self._by_city("gtFine", split, LABEL_SUFFIXES, "_gtFine_labelIds"), split)

    def _by_city(self, kind: str, split: str, suffixes: frozenset[str], ending: str) -> dict[str, Path]:
        folder = self.root / kind / split
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder; the tree must look like this:\n\n{__doc__}")
        cities = sorted(city for city in folder.iterdir() if city.is_dir())
        return {name: path for city in cities for name, path in list_files(city, suffixes, ending).items()}
