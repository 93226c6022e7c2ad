"""Map tiles over HTTP: 100 random tiles of a whole scene's pictures, drawn, and asked for again."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import morecantile
import numpy as np

from benchmarks.fixtures import percentiles, say
from stormpetrel.imagery.tiles.capabilities import box_of
from stormpetrel.imagery.tiles.layers import layers_of
from stormpetrel.imagery.tiles.matrix import TileAddress
from tests.fuzzing import served
from tests.unit.tiled_scenes import ITALY, TiledApi

SIDE, TILES, ZOOMS = 10_980, 100, (8, 15)
WITHIN_MS = 60.0


def run() -> dict[str, Any]:
    """Shares of tiles within 60 ms, and milliseconds. `drawn` are tiles that nobody asked for before, by a process that
    has drawn others; `again` are the same ones. The files lie in the page cache, as they were just written."""
    with tempfile.TemporaryDirectory(prefix="stormpetrel-tiles-") as folder:
        say("writing the pictures of a whole scene")
        tiled = TiledApi(Path(folder), SIDE, _speckled)
        addresses = [tiled.address(*choice) for choice in random_tiles(TILES + 20)]
        with served(tiled.memory) as server, httpx.Client(base_url=server, timeout=60) as client:
            for address in addresses[TILES:]:
                client.get(address).raise_for_status()
            drawn = [_seconds(client, address) for address in addresses[:TILES]]
            again = [_seconds(client, address) for address in addresses[:TILES]]
    return {"side_px": SIDE, "drawn": _report(drawn), "again": _report(again)}


def random_tiles(count: int, seed: int = 7) -> list[tuple[str, TileAddress, str]]:
    """(layer, tile, form), each once."""
    rng = random.Random(seed)
    epsg, west, north = ITALY
    box = box_of(epsg, (west, north - 10 * SIDE, west + 10 * SIDE, north))
    over = {
        zoom: list(morecantile.tms.get("WebMercatorQuad").tiles(*box, zooms=zoom))
        for zoom in range(ZOOMS[0], ZOOMS[1] + 1)
    }
    chosen: dict[tuple[str, TileAddress, str], None] = {}
    while len(chosen) < count:
        tile = rng.choice(over[rng.randint(*ZOOMS)])
        layer = rng.choice(list(layers_of(["s1", "s2", "change"])))
        chosen[(layer, TileAddress(tile.z, tile.x, tile.y), rng.choice(["png", "webp"]))] = None
    return list(chosen)


def _speckled(kind: str, size: int) -> np.ndarray:
    """Pixels that compress as badly as those of real images: speckle, or classes in fields."""
    rng = np.random.default_rng(1)
    if kind == "change":
        fields = rng.integers(1, 4, (1, size // 20 + 1, size // 20 + 1), dtype=np.uint8)
        return fields.repeat(20, axis=1).repeat(20, axis=2)[:, :size, :size]
    part = rng.gamma(4.4, 20, (3 if kind == "s2" else 1, size // 4, size // 4)).clip(1, 255).astype(np.uint8)
    return np.tile(part, (1, 4, 4))


def _seconds(client: httpx.Client, address: str) -> float:
    started = time.perf_counter()
    client.get(address).raise_for_status()
    return time.perf_counter() - started


def _report(seconds: list[float]) -> dict[str, float]:
    within = sum(1000 * each <= WITHIN_MS for each in seconds) / len(seconds)
    return {"share_within_60_ms": round(within, 3), **percentiles(seconds)}
