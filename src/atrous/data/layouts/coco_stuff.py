"""COCO-Stuff, 164k form: 118,287 / 5,000 pictures of COCO 2017, 171 classes (80 things, 91 stuffs).

Get it: https://github.com/nightrome/cocostuff (train2017.zip, val2017.zip, stuffthingmaps_trainval2017.zip).
Licence: labels CC BY 4.0, pictures Flickr's terms.

    coco_stuff/
        images/{train2017,val2017}/000000000009.jpg
        annotations/{train2017,val2017}/000000000009.png      the stuffthingmaps

Labels are index PNGs: the number of the class in the list of 182 less 1, and 255 = unlabeled, ignored.
Eleven of the 182 are drawn in no picture.  Source of the list: nightrome/cocostuff, labels.txt and README.md.
"""

from pathlib import Path

from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.pairs import Pair, require_root, require_split
from atrous.data.layouts.sources import Folders, find_pairs
from atrous.labels import label_set

_NAMES = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant,
street sign, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra,
giraffe, hat, backpack, umbrella, shoe, eye glasses, handbag, tie, suitcase, frisbee, skis, snowboard,
sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, plate,
wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog,
pizza, donut, cake, chair, couch, potted plant, bed, mirror, dining table, window, desk, toilet, door, tv,
laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, blender, book,
clock, vase, scissors, teddy bear, hair drier, toothbrush, hair brush, banner, blanket, branch, bridge,
building-other, bush, cabinet, cage, cardboard, carpet, ceiling-other, ceiling-tile, cloth, clothes,
clouds, counter, cupboard, curtain, desk-stuff, dirt, door-stuff, fence, floor-marble, floor-other,
floor-stone, floor-tile, floor-wood, flower, fog, food-other, fruit, furniture-other, grass, gravel,
ground-other, hill, house, leaves, light, mat, metal, mirror-stuff, moss, mountain, mud, napkin, net,
paper, pavement, pillow, plant-other, plastic, platform, playingfield, railing, railroad, river, road,
rock, roof, rug, salad, sand, sea, shelf, sky-other, skyscraper, snow, solid-other, stairs, stone, straw,
structural-other, table, tent, textile-other, towel, tree, vegetable, wall-brick, wall-concrete,
wall-other, wall-panel, wall-stone, wall-tile, wall-wood, water-other, waterdrops, window-blind,
window-other, wood
"""
_NOT_DRAWN = {
    *(
        "blender",
        "desk",
        "door",
        "eye glasses",
        "hair brush",
        "hat",
        "mirror",
        "plate",
        "shoe",
        "street sign",
    ),
    "window",
}
_RAW_IDS = {" ".join(name.split()): raw for raw, name in enumerate(_NAMES.split(","))}
_DRAWN = {name: raw for name, raw in _RAW_IDS.items() if name not in _NOT_DRAWN}
LABELS = label_set("coco_stuff_171", list(_DRAWN), raw_ids=_DRAWN)


class CocoStuff:
    """COCO-Stuff's pairs under ``root``."""

    labels = LABELS
    label_format: LabelFormat = INDEX

    def __init__(self, root: str | Path) -> None:
        self.root = require_root(root, "COCO-Stuff", __doc__)

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of ``train`` or ``val``."""
        require_split(split, ("train", "val"), "COCO-Stuff")
        folders = Folders("images/{split}2017", "annotations/{split}2017")
        return find_pairs(folders, self.root, split, __doc__)
