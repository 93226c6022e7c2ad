"""H3 cells, the keys of spatial search, and great-circle distances.

Cells are H3 indexes in hexadecimal (h3geo.org). Distances are kilometres on a sphere of radius 6,371.0088 km.
"""

from __future__ import annotations

import h3
import numpy as np
from numpy.typing import ArrayLike, NDArray

RESOLUTIONS = (7, 5, 3)  # edges of about 1.4, 9.9 and 69 km
EARTH_RADIUS_KM = 6371.0088


def cells(longitude: float, latitude: float) -> dict[int, str]:
    """The cell of a point at each resolution of the index.

    >>> cells(8.93, 44.41)[5]
    '851f9b0bfffffff'
    """
    return {resolution: h3.latlng_to_cell(latitude, longitude, resolution) for resolution in RESOLUTIONS}


def is_cell(text: str) -> bool:
    """Whether it is an H3 cell, of any resolution.

    >>> is_cell("851f9b0bfffffff"), is_cell("fffffffffffffff")
    (True, False)
    """
    return bool(h3.is_valid_cell(text))


def distance_km(longitude: float, latitude: float, longitudes: ArrayLike, latitudes: ArrayLike) -> NDArray[np.float64]:
    """Great-circle distances from one point to many (haversine).

    >>> float(distance_km(0, 0, [0.0], [1.0]).round(1)[0])
    111.2
    """
    phi, phis = np.radians(latitude), np.radians(np.asarray(latitudes, dtype=np.float64))
    difference = np.radians(np.asarray(longitudes, dtype=np.float64) - longitude)
    haversine = np.sin((phis - phi) / 2) ** 2 + np.cos(phi) * np.cos(phis) * np.sin(difference / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, np.sqrt(haversine))))
