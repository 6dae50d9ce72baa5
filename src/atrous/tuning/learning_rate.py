"""The learning-rate range test.  Source: Smith, "Cyclical learning rates", 2017, section 3.3."""

import json
import math
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from atrous.data.batch import Batch
from atrous.data.datamodule import SegmentationData
from atrous.module import SegmentationModule
from atrous.report.plots import rates_plot
from atrous.tuning.search import MakeTrainer
from atrous.whole import write_whole

Values = NDArray[np.float64]

DIVERGED = 4.0  # times the lowest loss.  Source: fastai
SIGMA = 0.04  # of the smoothing, as a share of the steps
FEWEST = 20  # steps


class LearningRateRange:
    """Raises the rate by the same factor each step, and proposes the one where the loss falls steepest.

    lowest, highest: rates of the first and the last step; it ends earlier where the loss diverges.
    num_steps: optimizer steps.
    """

    def __init__(self, lowest: float = 1e-7, highest: float = 1.0, num_steps: int = 100) -> None:
        for name, rate in {"lowest": lowest, "highest": highest}.items():
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < math.inf:
                raise ValueError(f"find.{name}={rate}: expected a rate above 0")
        if lowest >= highest:
            raise ValueError(f"find.lowest={lowest}, find.highest={highest}: expected one below the other")
        if isinstance(num_steps, bool) or not isinstance(num_steps, int) or num_steps < FEWEST:
            raise ValueError(f"find.num_steps={num_steps}: expected {FEWEST} steps or more")
        self.rates = np.geomspace(lowest, highest, num_steps)

    def __call__(
        self, module: SegmentationModule, data: SegmentationData, make_trainer: MakeTrainer, folder: Path
    ) -> str:
        """optimizer.lr=..., with lr.png and lr.json in ``folder``."""
        ramp = Ramp(self.rates)
        make_trainer(len(self.rates), [ramp], shown=True).fit(module, datamodule=data)
        losses = np.array(ramp.losses)
        rates = self.rates[: len(losses)]
        smooth = smoothed(losses, SIGMA * len(self.rates))
        chosen = steepest(smooth)
        found = None if chosen is None else float(f"{rates[chosen]:.2g}")
        _write(folder, {"optimizer.lr": found, "rates": rates.tolist(), "losses": losses.tolist()})
        rates_plot(rates, losses, smooth, found).savefig(folder / "lr.png", dpi=150)
        if found is None:
            raise ValueError(
                f"the loss does not fall at any rate from {rates[0]:.2g} to {rates[-1]:.2g}, see "
                f"{folder / 'lr.png'}; try other rates (find.lowest, find.highest), or more steps "
                "(find.num_steps)"
            )
        print(f"the loss over the rate: {folder / 'lr.png'}; weights and schedule of the trial are dropped")
        return f"optimizer.lr={found:g}"


def _write(folder: Path, said: dict[str, Any]) -> None:
    write_whole(folder / "lr.json", json.dumps(said, indent=2) + "\n")


class Ramp(L.Callback):
    """Sets the rate of each optimizer step, and keeps its loss; ends where the loss diverges.

    rates: of the optimizer's first group; others, as an encoder's, stay in their proportion to it.
    """

    def __init__(self, rates: Values) -> None:
        self.rates = rates
        self.losses: list[float] = []
        self._batches: list[float] = []

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Set the rate."""
        optimizer = trainer.optimizers[0]
        for group in optimizer.param_groups:
            share = group["initial_lr"] / optimizer.defaults["lr"]
            group["lr"] = float(self.rates[len(self.losses)]) * share

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Keep the loss: of accumulated batches the mean."""
        self._batches.append(float(outputs["loss"]) * trainer.accumulate_grad_batches)
        if trainer.global_step == len(self.losses):
            return
        loss, self._batches = sum(self._batches) / len(self._batches), []
        if math.isfinite(loss):
            self.losses.append(loss)
        if not math.isfinite(loss) or np.mean(self.losses[-3:]) > DIVERGED * min(self.losses):
            trainer.should_stop = True


def smoothed(losses: Values, sigma: float) -> Values:
    """The mean over the steps around each, weighted by a Gaussian: without the lag of a moving average.

    losses: float (N,); where they end in a divergence it weighs no more than the loss of the begin.
    sigma: steps.
    """
    clipped = np.minimum(losses, losses[: len(losses) // 4 + 1].max(initial=-math.inf))
    mean: Values = gaussian_filter1d(clipped, sigma, mode="nearest")
    return mean


def steepest(smooth: Values) -> int | None:
    """Where the smoothed loss falls steepest from step to step, before its lowest; None: nowhere.

    smooth: float (N,), of rates that grow by the same factor.
    """
    lowest = int(smooth.argmin()) if len(smooth) else 0
    if lowest < 2:
        return None
    return int(np.gradient(smooth[: lowest + 1]).argmin())
