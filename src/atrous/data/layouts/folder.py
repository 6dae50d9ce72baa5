"""Any data set of pictures and label files; its label set is written in the config.

    <root>/
        images/{train,val,test}/anything.jpg
        labels/{train,val,test}/anything.png

Labels are single-channel or palette PNGs whose value (or palette index) is the class; 255 is ignored.

Another tree: data/source=folders, ids, list or csv, and its options ('data.source.images="photos/{split}"').
Without splits of its own: 'data.fractions={train: 0.8, val: 0.1, test: 0.1}'.
Other labels: data/label_format=index, colors or threshold.
"""

from collections.abc import Mapping
from pathlib import Path

from atrous.data.label_formats import INDEX, LabelFormat
from atrous.data.layouts.pairs import Pair, require_root
from atrous.data.layouts.sources import Fractions, Source, find_pairs
from atrous.labels import LabelSet


class Folder:
    """The pairs of a source under ``root``.

    fractions: by split, its share, where the source has no splits of its own; split_seed: of that division.
    """

    def __init__(
        self,
        root: str | Path,
        label_set: LabelSet,
        source: Source,
        label_format: LabelFormat = INDEX,
        fractions: Mapping[str, float] | None = None,
        split_seed: int = 0,
    ) -> None:
        if fractions is None and not source.by_split:
            raise ValueError(
                "data.source finds the same pairs for every split; write {split} into its folders or its "
                "list, name a split_column, or divide it: data.fractions={train: 0.8, val: 0.1, test: 0.1}"
            )
        self.labels = label_set
        self.label_format = label_format
        self.root = require_root(root, f"data set '{label_set.name}'", __doc__)
        self._source = source if fractions is None else Fractions(source, fractions, split_seed)

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of a split."""
        return find_pairs(self._source, self.root, split, __doc__)
