"""Full-body MADS: a person in front of a background, 1,192 pictures.

Get it: https://www.kaggle.com/datasets/tapakah68/segmentation-full-body-mads-dataset.  Licence: none stated.
Two trees are in use; the root may hold either.

    mads/                                                 mads/segmentation_full_body_mads_dataset_1192_img/
        {Train,Val,Test}_Images/HipHop_1.png                  images/HipHop_HipHop1_C0_00225.png
        {Train,Val,Test}_Masks/HipHop_1.png                   masks/HipHop_HipHop1_C0_00225.png

The first is divided already.  The second is not: data.fractions and data.split_seed divide it by name.  Its
frames come from a few videos, so near copies of a training frame may stand in val and test, and flatter
scores.  Its df.csv lists the pairs that the names tell already, and is not read.

Masks are grey or RGB with smoothed edges: person where the grey value lies above 127.
"""

from collections.abc import Mapping
from pathlib import Path

from atrous.data.label_formats import LabelFormat, Threshold
from atrous.data.layouts.pairs import Pair, require_root, require_split, unpacked
from atrous.data.layouts.sources import Folders, Fractions, find_pairs
from atrous.labels import label_set

LABELS = label_set("mads_2", {"background": (0, 0, 0), "person": (220, 20, 60)})
DIVIDED = {name.lower(): Folders(f"{name}_Images", f"{name}_Masks") for name in ("Train", "Val", "Test")}


class Mads:
    """The pairs of either tree under ``root``.

    fractions: by split, the share of the tree that is not divided; split_seed: of the division.
    """

    labels = LABELS
    label_format: LabelFormat = Threshold(above=127)

    def __init__(self, root: str | Path, fractions: Mapping[str, float], split_seed: int = 0) -> None:
        self.root = require_root(root, "full-body MADS", __doc__)
        self._shares = Fractions(Folders("images", "masks"), fractions, split_seed)

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of ``train``, ``val`` or ``test``, or of a split that ``fractions`` names."""
        if (self.root / "Train_Images").is_dir():
            require_split(split, DIVIDED, "full-body MADS")
            return find_pairs(DIVIDED[split], self.root, split, __doc__)
        root = unpacked(self.root, "segmentation_full_body_mads_dataset_1192_img", holds="images")
        return find_pairs(self._shares, root, split, __doc__)
