"""Where to cut probabilities so that the expected macro F1 is the highest.

The plug-in rule (Dembczynski et al. 2017; Lipton et al. 2014): with calibrated probabilities the expected counts of
every cut are known, and F1 is at its best well away from .5 where one side is rare.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_cut(probabilities: NDArray[np.floating]) -> float:
    """The probability from which on an item should be called positive; at least one item is.

    >>> best_cut(np.array([0.99, 0.98, 0.97, 0.6]))
    0.97
    """
    ordered = np.sort(np.asarray(probabilities, dtype=np.float64))[::-1]
    count, total = len(ordered), ordered.sum()
    positives = np.arange(1, count + 1)  # how many items each cut calls positive
    true_positives = np.cumsum(ordered)
    f1_positive = 2 * true_positives / (positives + total)
    true_negatives = (count - positives) - (total - true_positives)
    f1_negative = 2 * true_negatives / np.maximum((count - positives) + (count - total), 1e-12)
    # A cut takes all items that are equal to it: among equal ones only the last is a possible cut.
    possible = np.append(ordered[1:] < ordered[:-1], True)
    return float(ordered[int(np.argmax(np.where(possible, f1_positive + f1_negative, -1.0)))])
