"""Random numbers of a training step: dropout, drop path, sampled points."""

import random
from typing import Any

import lightning as L
import numpy as np
import torch


class Randomness(L.Callback):
    """Seeds the global generators before each batch from (seed, epoch, batch, rank).

    What a network draws is thereby a function of the step alone: no generator's state has to be kept for a
    resumed run, and devices draw different numbers.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed."""
        key = [self.seed, trainer.current_epoch, batch_idx, trainer.global_rank]
        first, second, third = np.random.SeedSequence(key).generate_state(3)
        drawn = (int(first) << 31) ^ int(second)
        torch.default_generator.manual_seed(drawn)
        if pl_module.device.type != "cpu":  # of all kinds of devices, which takes much longer
            torch.manual_seed(drawn)
        np.random.seed(third)
        random.seed(int(third))
