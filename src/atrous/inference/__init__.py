"""From a network to labels at the picture's own size: whole or in windows, at one scale or several, mirrored
or not.

What is averaged are probabilities, at native size: those of a view over its windows, then those of the views.
Logits at native size exist for a strip of rows at a time; what is kept besides is one float a class and pixel
of the picture, and with a single window of a single view not even that.
"""

from atrous.inference.labelling import Prediction
from atrous.inference.modes import Inference

__all__ = ["Inference", "Prediction"]
