"""What the ground says of water before any image is looked at: height above the nearest drainage (HAND) and slope.

HAND is the height of a cell above the cell where its water reaches a stream (Rennó et al. 2008; Nobre et al. 2011).
Water that stands 15 m above the nearest stream is no flood (Twele et al. 2016). Depressions are filled (Wang and Liu
2006), water runs down the steepest of eight ways, and a stream is where enough ground drains to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.fill import fillnodata

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.readers.files import open_raster, raster_errors
from stormpetrel.imagery.types import Float32, Mask

NODATA = -9999.0
MOST_CELLS = 150_000_000  # bounds the memory; a Copernicus tile of one degree has 13 million
WIDEST_VOID = 25  # cells from its edge that are filled between the edges
MOST_VOIDS = 0.5  # of the cells; with more, streams would start at holes
FEET = {"ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "us-ft": 1200 / 3937, "us survey foot": 1200 / 3937}
METRES = ("", "m", "metre", "metres", "meter", "meters")


@dataclass(frozen=True)
class Terrain:
    """HAND in metres and slope in degrees of a DEM's cells, (rows, columns), NaN where nothing is known.

    `profile` is the DEM's own place. `filled_share` and `void_share` are of the cells: voids that were filled, and
    those that remain.
    """

    hand: Float32
    slope: Float32
    profile: dict[str, Any]
    filled_share: float
    void_share: float

    def save(self, folder: Path, stem: str) -> tuple[Path, Path]:
        """Writes `STEM_hand.tif` and `STEM_slope.tif` (float32, tiled), and returns their paths."""
        files = folder / f"{stem}_hand.tif", folder / f"{stem}_slope.tif"
        for file, values in zip(files, (self.hand, self.slope), strict=True):
            with rasterio.open(file, "w", **self.profile) as out:
                out.write(np.where(np.isnan(values), np.float32(NODATA), values), 1)
        return files


def terrain_of(dem: Path, stream_km2: float = 1.0, in_feet: bool = False) -> Terrain:
    """HAND and slope of a DEM in any format that GDAL reads, in metres of any projected system or in degrees.

    A stream is where at least `stream_km2` drains to. Elevations in feet are read as such where the file says so, or
    with `in_feet`. Narrow voids are filled from their edges; wide ones stay unknown.

    Raises BadProduct, with the remedy, where the file has no place, lies askew, counts in other units, is too large, or
    has more voids than ground.
    """
    import pyflwdir

    elevation, seen, profile, degrees = _read(dem, in_feet)
    filled = elevation
    if not seen.all():
        filled = fillnodata(elevation, mask=seen.astype(np.uint8), max_search_distance=WIDEST_VOID)
    known = seen | (filled != NODATA)
    if 1 - known.mean() > MOST_VOIDS:
        raise BadProduct(f"{1 - known.mean():.0%} of {dem.name} is void; fill it first, or cut it to where it is whole")
    where: dict[str, Any] = {"transform": profile["transform"], "latlon": degrees}
    even, directions = pyflwdir.fill_depressions(filled, nodata=NODATA)
    network = pyflwdir.from_array(directions, ftype="d8", check_ftype=False, **where)
    streams = network.upstream_area(unit="km2") >= stream_km2
    if not streams.any():
        raise BadProduct(
            f"nothing in {dem.name} drains {stream_km2:g} km2; give a larger DEM, or a smaller --stream-km2"
        )
    hand = network.hand(streams, even)
    # Numba knows no Affine of affine 3, but six numbers.
    cell = tuple(profile["transform"])[:6]
    slope = np.degrees(np.arctan(pyflwdir.slope(filled, nodata=NODATA, transform=cell, latlon=degrees)))
    # A cell that drains over the edge of the DEM before it meets a stream has no HAND.
    hand = np.where(known & (hand != NODATA), np.maximum(hand, 0), np.nan).astype(np.float32)
    slope = np.where(known, slope, np.nan).astype(np.float32)
    return Terrain(hand, slope, profile, float((known & ~seen).mean()), float(1 - known.mean()))


def _read(dem: Path, in_feet: bool) -> tuple[Float32, Mask, dict[str, Any], bool]:
    """(elevations in metres, -9999 where void; where there are any; the outputs' profile; whether it is in degrees)."""
    with open_raster(str(dem), any_format=True) as dataset, raster_errors():
        if dataset.width * dataset.height > MOST_CELLS:
            raise BadProduct(f"{dem.name} has {dataset.width * dataset.height:,} cells; cut it, or warp it to 30 m")
        if dataset.crs is None:
            raise BadProduct(f"{dem.name} has no coordinate system; say it: gdal_edit.py -a_srs EPSG:326NN {dem.name}")
        if dataset.transform.b or dataset.transform.d or dataset.transform.e > 0:
            raise BadProduct(f"{dem.name} does not lie north up; warp it first: gdalwarp {dem.name} north_up.tif")
        degrees = bool(dataset.crs.is_geographic)
        if not degrees and abs(dataset.crs.linear_units_factor[1] - 1) > 1e-9:
            name = dataset.crs.linear_units_factor[0]
            raise BadProduct(f"the cells of {dem.name} are in {name}; warp it to metres: gdalwarp -t_srs EPSG:326NN")
        metres = _metres(dem, dataset.units[0], in_feet)
        band = dataset.read(1, masked=True).astype(np.float32)
        seen = ~np.ma.getmaskarray(band) & np.isfinite(band.data)
        elevation = np.where(seen, band.data * np.float32(metres), np.float32(NODATA))
        profile = {"driver": "GTiff", "width": dataset.width, "height": dataset.height, "count": 1, "dtype": "float32"}
        tiles = {"tiled": True, "compress": "DEFLATE", "predictor": 3, "nodata": NODATA}
        return elevation, seen, {**profile, **tiles, "crs": dataset.crs, "transform": dataset.transform}, degrees


def _metres(dem: Path, unit: str | None, in_feet: bool) -> float:
    """How many metres one of the DEM's heights is."""
    said = (unit or "").strip().lower()
    if said in FEET:
        return FEET[said]
    if said not in METRES:
        raise BadProduct(f"the heights of {dem.name} are in {unit!r}; give them in metres or feet")
    return FEET["ft"] if in_feet else 1.0
