"""Loss terms: logits and labels in, one float32 scalar >= 0 out.

Shapes are the same everywhere: logits float (N, C, H, W), unnormalised; labels int64 (N, H, W), 0..C-1 and
the ignore index. Ignored pixels are out of every sum and every denominator; a batch without any labelled
pixel gives 0, with a gradient of 0. All terms compute in float32, whatever precision the network ran in.
"""

from atrous.losses.masks import MaskClassification
from atrous.losses.overlap import Dice, Lovasz, Tversky
from atrous.losses.pixelwise import BoundaryCrossEntropy, CrossEntropy, Focal, OnlineHardExampleMining

__all__ = [
    "BoundaryCrossEntropy",
    "CrossEntropy",
    "Dice",
    "Focal",
    "Lovasz",
    "MaskClassification",
    "OnlineHardExampleMining",
    "Tversky",
]
