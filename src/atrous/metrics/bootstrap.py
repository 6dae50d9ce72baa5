"""How sure a score is: the bootstrap over pictures.

A resample draws as many pictures as there are, with replacement; the scores of many resamples show how far a
score could have moved with other pictures.  Pictures count as independent: frames of one drive are less than
that, and the interval is then too narrow.
Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993 (percentile interval).
"""

import numpy as np
from numpy.typing import NDArray

from atrous.metrics.confusion import Values

NUM_RESAMPLES = 1000
LEVEL = 0.95


def resamples(num_pictures: int, num_resamples: int = NUM_RESAMPLES, seed: int = 0) -> NDArray[np.int64]:
    """How often each resample draws each picture: int64 (num_resamples, num_pictures).

    A function of its arguments: two models scored on the same pictures are compared on the same resamples.
    """
    shares = np.full(num_pictures, 1 / num_pictures)
    return np.random.default_rng(seed).multinomial(num_pictures, shares, num_resamples)


def interval(values: Values, level: float = LEVEL) -> Values:
    """The percentile interval over the first axis, (2, ...): lower and upper end; nan where all are nan.

    A resample that lacks a class has no score of it, and is left out for that class.
    """
    ends = [(1 - level) / 2, (1 + level) / 2]
    some = ~np.isnan(values).all(0)
    found = np.full((2, *values.shape[1:]), np.nan)
    found[:, some] = np.nanquantile(values[:, some], ends, axis=0)
    return found
