"""Distances from one point to many that are mostly far away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.cells import distance_km

KM_A_DEGREE = 111.0  # of latitude, a little less than there are: what is further north or south than this is too far


def kilometres(
    longitude: float,
    latitude: float,
    longitudes: NDArray[np.float64],
    latitudes: NDArray[np.float64],
    reach_km: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Great-circle distances in kilometres, shape (points,); infinite where a point is further than its reach.

    Only the points in reach by latitude are computed.

    >>> kilometres(0, 0, np.array([0.0, 0.0]), np.array([1.0, 40.0]), np.array([200.0, 200.0])).round(1).tolist()
    [111.2, inf]
    """
    distances = np.full(len(latitudes), np.inf)
    near = np.flatnonzero(np.abs(latitudes - latitude) * KM_A_DEGREE <= reach_km)
    exact = distance_km(longitude, latitude, longitudes[near], latitudes[near])
    distances[near] = np.where(exact <= reach_km[near], exact, np.inf)
    return distances
