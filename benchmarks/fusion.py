"""The fusion step alone: sparse tensor fusion beside the dense surfaces, and the other methods."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from stormpetrel.fusion import MERGES, METHODS, RankList, tensor_fuse

LISTS = 4
REPEATS = 15


def run() -> dict[str, Any]:
    """Median milliseconds for 4 lists of 1,000 and of 10,000 ids that share half of their items."""
    report: dict[str, Any] = {f"{LISTS}_lists_of_{length}_ms": _methods(length) for length in (1000, 10_000)}
    thousand = _lists(1000)
    dense, sparse = _median(lambda: _dense_surfaces(thousand), 5), _median(lambda: tensor_fuse(thousand))
    report["dense_surfaces_of_1000_ms"] = dense
    report["sparse_share_of_dense"] = round(sparse / dense, 4)
    return report


def _methods(length: int) -> dict[str, float]:
    lists = _lists(length)
    medians = {f"tensor_{merge}": _median(partial(tensor_fuse, lists, merge=merge)) for merge in MERGES}
    others = [name for name in METHODS if not name.startswith("tensor")]
    return medians | {name: _median(partial(METHODS[name], _ranked(lists), None), 5) for name in others}


def _lists(length: int) -> list[list[str]]:
    chance = random.Random(11)
    pool = [f"x:{number:012d}" for number in range(2 * length)]
    return [chance.sample(pool, length) for _ in range(LISTS)]


def _ranked(lists: list[list[str]]) -> list[RankList]:
    return [
        RankList(f"m{n}", tuple(ids), tuple(1.0 - r / len(ids) for r in range(len(ids)))) for n, ids in enumerate(lists)
    ]


def _median(run_once: Callable[[], object], repeats: int = REPEATS) -> float:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        run_once()
        seconds.append(time.perf_counter() - started)
    return round(1000 * statistics.median(seconds), 3)


def _dense_surfaces(lists: list[list[str]]) -> dict[str, int]:
    """Every surface as a whole matrix of cells, far fewer than those of the whole tensor, searched for its items."""
    ids = sorted({item for ranked in lists for item in ranked})
    number = {item: n + 1 for n, item in enumerate(ids)}
    best: dict[str, int] = {}
    for first, second in combinations(lists, 2):
        cells = np.zeros((len(first) + 1, len(second) + 1), dtype=np.int32)
        where = {item: rank for rank, item in enumerate(second, start=1)}
        for rank, item in enumerate(first, start=1):
            if item in where:
                cells[rank, where[item]] = number[item]
        for a, b in np.argwhere(cells):
            item = ids[cells[a, b] - 1]
            best[item] = min(best.get(item, 1 << 30), int(a + b))
    return best
