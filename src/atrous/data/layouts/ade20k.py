"""ADE20K in the form of the scene parsing benchmark (SceneParse150): 20,210 / 2,000 pictures, 150 classes.

Get it: http://sceneparsing.csail.mit.edu (ADEChallengeData2016.zip).
Terms: labels BSD 3-clause, pictures for non-commercial research and education.

    ade20k/ADEChallengeData2016/
        images/{training,validation}/ADE_train_00000001.jpg
        annotations/{training,validation}/ADE_train_00000001.png

Labels are index PNGs: 0 = other, ignored; value i is class i - 1.  The test labels are not public.
Source of the names, the first synonym of each: CSAILVision/sceneparsing, objectInfo150.txt.
"""

from pathlib import Path

from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.pairs import Pair, require_root, require_split, unpacked
from atrous.data.layouts.sources import Folders, find_pairs
from atrous.labels import label_set

_NAMES = """
wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk, person, earth,
door, table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug,
field, armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column,
signboard, chest of drawers, counter, sand, sink, skyscraper, fireplace, refrigerator, grandstand, path,
stairs, runway, case, pool table, pillow, screen door, stairway, river, bridge, bookcase, blind,
coffee table, toilet, flower, book, hill, bench, countertop, stove, palm, kitchen island, computer,
swivel chair, boat, bar, arcade machine, hovel, bus, towel, light, truck, tower, chandelier, awning,
streetlight, booth, television, airplane, dirt track, apparel, pole, land, bannister, escalator, ottoman,
bottle, buffet, poster, stage, van, ship, fountain, conveyer belt, canopy, washer, plaything,
swimming pool, stool, barrel, basket, waterfall, tent, bag, minibike, cradle, oven, ball, food, step,
tank, trade name, microwave, pot, animal, bicycle, lake, dishwasher, screen, blanket, sculpture, hood,
sconce, vase, traffic light, tray, ashcan, fan, pier, crt screen, plate, monitor, bulletin board, shower,
radiator, glass, clock, flag
"""
_CLASSES = [" ".join(name.split()) for name in _NAMES.split(",")]
LABELS = label_set(
    "ade20k_150", _CLASSES, raw_ids={name: value for value, name in enumerate(_CLASSES, start=1)}, ignore=(0,)
)
FOLDERS = {"train": "training", "val": "validation"}


class Ade20k:
    """ADE20K's pairs under ``root``."""

    labels = LABELS
    label_format: LabelFormat = INDEX

    def __init__(self, root: str | Path) -> None:
        self.root = unpacked(require_root(root, "ADE20K", __doc__), "ADEChallengeData2016", holds="images")

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of ``train`` or ``val``."""
        require_split(split, FOLDERS, "ADE20K")
        folders = Folders(f"images/{FOLDERS[split]}", f"annotations/{FOLDERS[split]}")
        return find_pairs(folders, self.root, split, __doc__)
