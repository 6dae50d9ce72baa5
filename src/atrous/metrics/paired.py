"""How sure a difference between two models is: the paired bootstrap over pictures.

Both are scored on the same resamples of the same pictures (metrics.bootstrap), so that what makes a picture
hard for both cancels out.  What is uncertain here is which pictures were taken, and nothing else: not the
seed of a training.
Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, section 15.4 (significance read off
the bootstrap distribution); Koehn, "Statistical significance tests for machine translation evaluation", 2004
(the same for two systems and a score of a whole test set).
"""

import numpy as np
from numpy.typing import NDArray

from atrous.metrics.confusion import Values, ratio

TIE = 1e-12  # of scores in [0, 1]: less than this is rounding
# Where nothing differs, n pictures all point one way with a probability of 2 * 2**-n: below 5 % from here on.
MIN_PICTURES = 6


def confidence(differences: Values) -> Values:
    """The confidence that a difference is not 0, two-sided: (...) in [0, 1].

    It is the share of resamples on one side of 0 less the share on the other; a resample that is 0 is on
    neither.  With a tie counted by half on both sides that is 1 - 2 * (the smaller side's share), 1 less the
    two-sided significance level; it is above 0.95 where the 95 % percentile interval excludes 0.
    differences: (R, ...), one a resample; nan where a resample has no score, as without the class: it is left
        out.  nan where all are.
    """
    above, below = (differences > TIE).sum(0), (differences < -TIE).sum(0)
    known = (~np.isnan(differences)).sum(0)
    return ratio(np.abs(above - below).astype(np.float64), known.astype(np.float64))


def enough(num_pictures: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether so many pictures with the class can tell anything; with fewer, resamples agree by chance."""
    return num_pictures >= MIN_PICTURES
