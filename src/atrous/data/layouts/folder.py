"""Any data set of pictures and index labels in folders; its label set is written in the config.

    <root>/
        images/{train,val,test}/anything.jpg
        labels/{train,val,test}/anything.png

Labels are single-channel or palette PNGs whose value (or palette index) is the class; 255 is ignored.
Other trees: set data.layout.images, data.layout.labels ({split} stands for the split's name), and the endings
that the names of pictures and labels do not share (data.layout.label_ending=_mask).
"""

from pathlib import Path

from atrous.data.layouts.pairs import IMAGE_SUFFIXES, LABEL_SUFFIXES, Pair, list_files, match, require_root
from atrous.labels import LabelSet


class Folder:
    """Pairs of files with the same name in two folders."""

    def __init__(
        self,
        root: str | Path,
        label_set: LabelSet,
        images: str = "images/{split}",
        labels: str = "labels/{split}",
        image_ending: str = "",
        label_ending: str = "",
    ) -> None:
        self.root = Path(root)
        self.labels = label_set
        self._images, self._image_ending = images, image_ending
        self._labels, self._label_ending = labels, label_ending
        require_root(self.root, f"data set '{label_set.name}'", __doc__)

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of a split: whatever stands in its two folders."""
        images = list_files(
            self.root / self._images.format(split=split), IMAGE_SUFFIXES, self._image_ending, __doc__
        )
        labels = list_files(
            self.root / self._labels.format(split=split), LABEL_SUFFIXES, self._label_ending, __doc__
        )
        return match(images, labels, split)
