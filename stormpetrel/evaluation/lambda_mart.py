"""LambdaMART (Burges 2010) as LightGBM has it, on the scores and reciprocal ranks of the lists: a yardstick that no
system serves, since it can name neither a list nor a pair that decided."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.score_fusion import item_rows, list_columns
from stormpetrel.fusion import RankList

ROUNDS = 80
LEAVES = 15
Array = NDArray[np.float64]


class LambdaMart:
    """Fits to queries, each given as its lists and the ids of its relevant items. Raises ImportError without
    LightGBM."""

    def __init__(self, queries: Sequence[tuple[Sequence[RankList], Collection[str]]], names: Sequence[str]) -> None:
        import lightgbm

        self._names = tuple(names)
        blocks, targets = [], []
        for lists, relevant in queries:
            items, columns = self._columns(lists)
            blocks.append(columns)
            targets.append(np.array([item in relevant for item in items], dtype=np.int64))
        settings: dict[str, Any] = {"objective": "lambdarank", "num_leaves": LEAVES, "learning_rate": 0.05}
        settings |= {"verbosity": -1, "num_threads": 1, "seed": 1, "min_data_in_leaf": 100, "deterministic": True}
        data = lightgbm.Dataset(np.vstack(blocks), np.concatenate(targets), group=[len(block) for block in blocks])
        self._model = lightgbm.train(settings, data, ROUNDS)

    def __call__(self, lists: Sequence[RankList]) -> list[str]:
        """The ids, the best first."""
        items, columns = self._columns(lists)
        order = np.argsort(-np.asarray(self._model.predict(columns)), kind="stable")
        return [items[row] for row in order]

    def _columns(self, lists: Sequence[RankList]) -> tuple[list[str], Array]:
        present = {ranked.modality: ranked for ranked in lists if len(ranked)}
        rows = item_rows(present.values())
        parts = [list_columns(present[name], rows) if name in present else None for name in self._names]
        width = next((part.shape[1] for part in parts if part is not None), 0)
        return list(rows), np.hstack([np.full((len(rows), width), np.nan) if part is None else part for part in parts])
