"""Logistic regression whose weights may have one sign only: what is known of a feature's direction is not unlearned.

Few examples teach many features by chance that more languages or more certain places speak against an incident. Bounds
keep such weights at zero (non-negative least squares has the same effect: Slawski & Hein, EJS 2013).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def fit_signed(
    rows: Array, truth: NDArray[np.bool_], shares: Array, penalty: float, signs: Array
) -> tuple[Array, float]:
    """The weights (features,) and the intercept that make the examples likeliest, with a ridge on the weights.

    `rows` has shape (examples, features); `shares` says how much each example counts; `penalty` is scikit-learn's C;
    `signs` is 1 for a feature that can only speak for the truth and -1 for one that can only speak against it.

    >>> rows = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 0.0], [3.0, 0.0]])
    >>> weights, _ = fit_signed(rows, np.array([False, False, True, True]), np.ones(4), 1.0, np.array([1.0, 1.0]))
    >>> weights.round(2)
    array([0.96, 0.  ])
    """
    from scipy.optimize import minimize

    signed = np.where(truth, 1.0, -1.0)

    def loss(point: Array) -> tuple[float, Array]:
        margins = signed * (rows @ point[:-1] + point[-1])
        slopes = -penalty * shares * signed / (1.0 + np.exp(np.clip(margins, -30, 30)))
        value = penalty * float(shares @ np.logaddexp(0.0, -margins)) + 0.5 * float(point[:-1] @ point[:-1])
        return value, np.append(rows.T @ slopes + point[:-1], slopes.sum())

    bounds = [(0.0, None) if sign > 0 else (None, 0.0) for sign in signs] + [(None, None)]
    point = minimize(loss, np.zeros(rows.shape[1] + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    return np.asarray(point[:-1], dtype=np.float64), float(point[-1])
