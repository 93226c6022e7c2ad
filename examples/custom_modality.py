"""A modality of your own beside an existing one: new and unrepeated posts, fused with the text modality.

A modality has a name, a measure, and two methods (the protocol `Modality` of `stormpetrel/search/modalities.py`):
`index_queries` says what to ask the vector index, `scores` turns the hits into (post id, score), higher is better. To
serve it, add it to `ALL` there. Here it runs on a small index in memory, without any server:

    python examples/custom_modality.py
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stormpetrel.core.ports import IndexQuery, NearestQuery, OrderQuery, Scored
from stormpetrel.fusion import RankList, fuse
from stormpetrel.search.modalities import Dense, Modality
from stormpetrel.search.query import Query


@dataclass(frozen=True)
class Novelty:
    """Prefers new posts, and among these the ones that few others repeat."""

    name: str = "novelty"
    measure: str = "minus hours since the newest post, minus one for each near-duplicate"

    def index_queries(self, query: Query, limit: int) -> list[IndexQuery]:
        payload = ("id", "event_time", "duplicate_count")
        return [OrderQuery("event_time", "desc", None, query.filter, limit, payload)]

    def scores(self, hits: Sequence[Scored], query: Query) -> list[tuple[str, float]]:
        newest_ms = max((hit.payload["event_time"] for hit in hits), default=0)
        return [
            (hit.payload["id"], (hit.payload["event_time"] - newest_ms) / 3_600_000 - hit.payload["duplicate_count"])
            for hit in hits
        ]


class MemoryIndex:
    """The part of `VectorReader` (`stormpetrel/core/ports.py`) that the two modalities need, over a list of posts."""

    def __init__(self, payloads: list[dict], vectors: np.ndarray) -> None:
        self._payloads, self._vectors = payloads, vectors

    def query(self, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        return [self._nearest(query) if isinstance(query, NearestQuery) else self._newest(query) for query in queries]

    def _nearest(self, query: NearestQuery) -> list[Scored]:
        cosines = self._vectors @ query.dense
        return [Scored(self._payloads[row], float(cosines[row])) for row in np.argsort(-cosines)[: query.limit]]

    def _newest(self, query: OrderQuery) -> list[Scored]:
        ordered = sorted(self._payloads, key=lambda payload: payload[query.key], reverse=query.direction == "desc")
        return [Scored(payload, 0.0) for payload in ordered[: query.limit]]


HOUR_MS = 3_600_000
POSTS = [
    {"id": "x:1", "event_time": 0 * HOUR_MS, "duplicate_count": 0, "text": "Water is rising in via Fereggiano"},
    {"id": "x:2", "event_time": 1 * HOUR_MS, "duplicate_count": 9, "text": "Pray for Genova"},
    {"id": "x:3", "event_time": 3 * HOUR_MS, "duplicate_count": 0, "text": "Our cellar is full of water"},
    {"id": "x:4", "event_time": 2 * HOUR_MS, "duplicate_count": 0, "text": "Good coffee this morning"},
]
# Unit vectors that a text encoder would give: (water, sorrow, coffee).
VECTORS = np.array([[1, 0, 0], [0.3, 0.95, 0], [0.9, 0.1, 0.4], [0.1, 0, 1]], dtype=np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def main() -> None:
    index = MemoryIndex(POSTS, VECTORS)
    query = Query(text=np.array([1, 0, 0], dtype=np.float32))
    modalities: list[Modality] = [Dense("text", lambda query: query.text), Novelty()]
    lists = []
    for modality in modalities:
        hits = [hit for answer in index.query(modality.index_queries(query, limit=10)) for hit in answer]
        lists.append(RankList.of(modality.name, modality.scores(hits, query)))
    texts = {post["id"]: post["text"] for post in POSTS}
    for rank, item in enumerate(fuse(lists), start=1):
        print(f"{rank}. {item.id}  {item.ranks}  {texts[item.id]}")


if __name__ == "__main__":
    main()
