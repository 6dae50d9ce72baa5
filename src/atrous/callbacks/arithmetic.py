"""How a GPU computes: fast in training, exactly in evaluation."""

import lightning as L
import torch


class Arithmetic(L.Callback):
    """TF32 products and cudnn's search for its fastest algorithm in training; neither in evaluation.

    TF32 takes the float32 factors of products and convolutions at 10 bits of mantissa, which would make a
    score depend on the GPU.  The search is made anew for each size, and pictures to evaluate have many.
    search: whether the batches of the training have one size; with deterministic algorithms none is made.
    """

    def __init__(self, search: bool) -> None:
        self.search = search

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Fast."""
        _set(tf32=True, search=self.search)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Exact."""
        _set(tf32=False, search=False)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Fast, on with the training."""
        _set(tf32=True, search=self.search)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Exact."""
        _set(tf32=False, search=False)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Exact."""
        _set(tf32=False, search=False)


def _set(tf32: bool, search: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = search and not torch.are_deterministic_algorithms_enabled()
