"""What is true of the generated scene that an analyst labels, and what its map must show."""

from __future__ import annotations

import io

import numpy as np
import rasterio
from PIL import Image

from stormpetrel.demo.scenes import MUD, WATER
from tests.integration.running import RunningSystem
from tests.integration.scenes import Products


def water_truth(products: Products) -> dict[str, bool]:
    """Whether at least a third of each square of 120 px is water, by the end of its id."""
    classes = products.ground.truth(flood=True)
    wet = np.isin(classes, (WATER, MUD))
    shares = wet.reshape(12, 120, 12, 120).mean(axis=(1, 3))
    north = round(products.ground.north / 1200)
    west = round(products.ground.west / 1200)
    return {
        f"/32632/g120/r{north - 1 - i:04d}c{west + j:04d}": bool(shares[i, j] > 1 / 3)
        for i in range(12)
        for j in range(12)
    }


def assert_maps(system: RunningSystem, pair: str) -> None:
    asked = {"scene_id": pair, "labels": ["water-bodies"], "collection": "patches/flood"}
    tif = system.api("GET", "/v1/maps/tif", params=asked)
    with rasterio.open(io.BytesIO(tif.content)) as dataset:
        assert dataset.shape == (12, 12) and dataset.res == (1200, 1200) and dataset.crs.to_epsg() == 32632
        assert set(np.unique(dataset.read(1))) == {1, 2} and dataset.tags()["CLASS_2"] == "water-bodies"
    features = system.api("GET", "/v1/maps/geojson", params=asked).json()["features"]
    assert len(features) == 144 and {one["properties"]["label"] for one in features} == {"water-bodies", None}
    picture = Image.open(io.BytesIO(system.api("GET", "/v1/maps/png", params=asked).content))
    assert picture.height > picture.width, "the legend stands below"
