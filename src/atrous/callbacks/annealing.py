"""What a network's training needs that changes with the step."""

from typing import Any

import lightning as L

from atrous.data.batch import Batch
from atrous.models.eomt import EoMT
from atrous.module import SegmentationModule


class MaskAnnealing(L.Callback):
    """EoMT's masked attention: from every query at the first step to none at the last, as evaluation needs.

    power: of the poly curve that the probability follows.
    Source: Kerssies et al., 2025, section 3.3; there it falls in one block after the other, here in all.
    """

    def __init__(self, power: float = 0.9) -> None:
        self.power = power

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Raises ValueError: a network that has no masked attention, or one that is compiled."""
        assert isinstance(pl_module, SegmentationModule)
        if not isinstance(pl_module.net, EoMT):
            raise ValueError(
                "callbacks=mask_annealing is for model=eomt; choose other callbacks, or that model"
            )
        if pl_module.compiled is not None:
            raise ValueError(
                "callbacks=mask_annealing changes the network at every step, and trainer.compile=true would "
                "compile each anew; leave one of them out"
            )

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> Any:
        """Set this step's probability: a function of the step alone, also after a restart."""
        progress = min(1.0, trainer.global_step / trainer.estimated_stepping_batches)
        assert isinstance(pl_module.net, EoMT)
        pl_module.net.masked_attention = (1 - progress) ** self.power
