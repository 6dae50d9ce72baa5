"""Learning rate over optimizer steps: a linear warm-up, then a shape over the steps that remain.

A shape is a function of progress: 0 at the end of the warm-up, 1 when the last step is done.
"""

import math
from collections.abc import Callable
from functools import lru_cache

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

Shape = Callable[[float], float]


def poly(progress: float, power: float = 0.9) -> float:
    """Falls to 0 as (1 - progress)^power.  Source: Chen et al., "DeepLab", 2017."""
    return float((1 - progress) ** power)


def cosine(progress: float, final: float = 0.0) -> float:
    """Falls from 1 to ``final`` along half a cosine.  Source: Loshchilov and Hutter, "SGDR", 2017."""
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))


def exponential(progress: float, final: float = 0.01) -> float:
    """Falls from 1 to ``final`` by the same factor each step (0.99 an epoch, 20 epochs: final = 0.818)."""
    return float(final**progress)


def constant(progress: float) -> float:
    """1, always."""
    del progress
    return 1.0


def one_cycle(progress: float, rise: float = 0.3, initial: float = 0.04, final: float = 4e-6) -> float:
    """Up from ``initial`` to 1 in the share ``rise`` of the steps, down to ``final``, along cosines.

    Source: Smith, "Super-convergence", 2018, with the cosines and defaults of torch's OneCycleLR.
    """
    if progress < rise:
        return cosine(1 - progress / rise, initial)
    return cosine((progress - rise) / (1 - rise), final)


def factor(
    step: int, total_steps: int, shape: Shape, warmup_steps: int = 0, warmup_start: float = 0.0
) -> float:
    """What the base rate is multiplied with in optimizer step ``step`` (0 is the first)."""
    if step < warmup_steps:
        return warmup_start + (1 - warmup_start) * (step + 1) / (warmup_steps + 1)
    return shape(min(1.0, (step - warmup_steps) / (total_steps - warmup_steps)))


def scheduled(
    optimizer: Optimizer, total_steps: int, shape: Shape, warmup_steps: int = 0, warmup_start: float = 0.0
) -> LRScheduler:
    """``factor`` as a torch scheduler, to be stepped once an optimizer step.

    Raises ValueError: a warm-up as long as the training, or longer.
    """
    if warmup_steps >= total_steps:
        raise ValueError(
            f"scheduler.warmup_steps={warmup_steps}: the training has {total_steps} optimizer steps; "
            "the warm-up must be shorter"
        )

    # Once a step, not once a parameter group: a shape out of a config takes Hydra 0.2 ms to call.
    @lru_cache(maxsize=1)
    def at(step: int) -> float:
        return factor(step, total_steps, shape, warmup_steps, warmup_start)

    # A function, not its cache: the scheduler's state would keep that.
    return LambdaLR(optimizer, lambda step: at(step))
