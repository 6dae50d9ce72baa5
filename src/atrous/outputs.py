"""What networks return in training where logits alone are not enough for their loss."""

from typing import NamedTuple

from torch import Tensor


class Masks(NamedTuple):
    """Q proposals a picture, as mask classification predicts them.

    masks: float (N, Q, h, w), logits of a pixel belonging to the proposal.
    classes: float (N, Q, C + 1), logits of the proposal's class; the last one is "no object".
    size: (H, W) in pixels of what the masks cover, the padding below and right of the picture included.
    """

    masks: Tensor
    classes: Tensor
    size: tuple[int, int]


class Supervised(NamedTuple):
    """Several outputs that the loss is applied to, and what each of them weighs in the sum."""

    outputs: tuple[Tensor | Masks, ...]
    weights: tuple[float, ...]
