"""torchmetrics' Jaccard index of what was counted already."""

from torch import Tensor
from torchmetrics.classification import MulticlassJaccardIndex


class JaccardOfCounts(MulticlassJaccardIndex):
    """The index that torchmetrics computes, and sums over devices, from our confusion matrices.

    Its own ``update`` would count every pixel a second time, at more than all of our counts cost, and where
    trainer.deterministic=true in a loop over the cells.  Replacing it is how torchmetrics makes one metric
    from another: what is inherited is the matrix that devices sum, and what is computed from it.
    """

    def update(self, confusion: Tensor) -> None:  # type: ignore[override]
        """Add counts.  confusion: int64 (C + 1, C + 1), rows = truth, as metrics.confusion."""
        self.confmat += confusion[:-1, :-1]
