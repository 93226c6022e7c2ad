"""Threads that draw tiles: few, so that a map that is moved leaves the cores to searches, and off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import HTTPException

from stormpetrel.search.scene_tiles import SceneTiles

MOST_WAITING = 512  # a map of a large screen asks for some fifty tiles
WITHIN_S = 60.0  # the first tile loads a library, which takes long on a machine that has much else to do
LATER = {"Retry-After": "1"}
T = TypeVar("T")


class TileDrawing:
    """The tiles of all scenes, and the threads that draw them. GDAL releases Python's lock while it reads and warps."""

    def __init__(self, scenes: SceneTiles, threads: int) -> None:
        self.scenes = scenes
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="tiles")
        self._waiting = 0  # changed on the event loop alone

    async def run(self, draw: Callable[[], T]) -> T:
        """What `draw` returns, or raises. HTTPException 503 where too many wait, or it takes too long."""
        if self._waiting >= MOST_WAITING:
            raise HTTPException(503, f"{self._waiting} tiles are waited for; ask again in a second", LATER)
        self._waiting += 1
        try:
            async with asyncio.timeout(WITHIN_S):
                return await asyncio.wrap_future(self._threads.submit(draw))
        except TimeoutError as error:
            busy = "ask again when the machine has less to do, and look whether the disk of imagery.directory answers"
            detail = f"the tile was not drawn within {WITHIN_S:g} s: {busy}"
            raise HTTPException(503, detail, LATER) from error
        finally:
            self._waiting -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
