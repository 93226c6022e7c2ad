"""The rank lists of a test collection, computed exactly and in memory: what the index answers, without an index.

Text is the cosine of the encoder's vectors, lexical is BM25 over the same terms that are indexed, time is minus
seconds, space is minus kilometres between the places that the texts name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.cells import distance_km
from stormpetrel.evaluation.test_collections import LabelledPost
from stormpetrel.fusion import RankList
from stormpetrel.fusion.adaptive import FEEDBACK
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.text.lexical import document_terms, query_terms

BATCH = 64  # queries of one pass


class Collection:
    """All lists of one collection; items are rows as strings of equal length, so that ties fall by row."""

    def __init__(self, posts: Sequence[LabelledPost], encoder: Encoder, places: Geoparser, depth: int) -> None:
        self._posts, self._depth = posts, depth
        self._vectors = encoder.encode([post.text for post in posts])
        self._times = np.array([post.at for post in posts])
        self._places = [
            [(place.longitude, place.latitude) for place in places.places(post.text) if not place.is_area]
            for post in posts
        ]
        owners = [(row, *point) for row, points in enumerate(self._places) for point in points]
        self._owners = np.array([row for row, _, _ in owners], dtype=np.int64)
        self._longitudes = np.array([longitude for _, longitude, _ in owners])
        self._latitudes = np.array([latitude for _, _, latitude in owners])
        self._postings = _postings(posts)

    def lists(self, row: int) -> list[RankList]:
        """The lists for the post in this row, without the post itself; empty where a modality finds nothing."""
        return [self._text(row), self._lexical(row), self._space(row), self._time(row)]

    @staticmethod
    def name(row: int) -> str:
        """The id of the post in this row."""
        return f"{row:07d}"

    def feedback(self, queries: Sequence[tuple[int, Sequence[str]]]) -> list[RankList]:
        """For each (row, its best answers) the text list of the query moved to their mean (Rocchio 1971, both of equal
        weight). Many at once: one pass over the vectors serves them all."""
        lists = []
        for start in range(0, len(queries), BATCH):
            batch = queries[start : start + BATCH]
            moved = np.array([self._moved(row, best) for row, best in batch])
            for (row, best), scores in zip(batch, moved @ self._vectors.T, strict=True):
                empty = RankList(FEEDBACK, (), ())
                lists.append(self._top(FEEDBACK, scores.astype(np.float64), row) if best else empty)
        return lists

    def _moved(self, row: int, best: Sequence[str]) -> NDArray[np.float32]:
        moved = self._vectors[row] + (self._vectors[[int(item) for item in best]].mean(axis=0) if best else 0)
        return np.asarray(moved / np.linalg.norm(moved), dtype=np.float32)

    def _top(self, modality: str, scores: NDArray[np.float64], row: int) -> RankList:
        """The `depth` best of one score a post; minus infinity is no hit."""
        scores[row] = -np.inf
        reach = min(self._depth, len(scores) - 1)
        best = np.argpartition(-scores, reach)[: self._depth] if len(scores) > 1 else np.empty(0, dtype=np.int64)
        return RankList.of(modality, ((self.name(int(n)), float(scores[n])) for n in best if np.isfinite(scores[n])))

    def _text(self, row: int) -> RankList:
        return self._top("text", (self._vectors @ self._vectors[row]).astype(np.float64), row)

    def _lexical(self, row: int) -> RankList:
        post = self._posts[row]
        scores = np.full(len(self._posts), -np.inf)
        terms = query_terms(post.text, [post.language])
        for term in terms.indices if terms else ():
            rows, weights = self._postings.get(term, (np.empty(0, dtype=np.int64), np.empty(0)))
            idf = np.log(1 + (len(self._posts) - len(rows) + 0.5) / (len(rows) + 0.5))
            scores[rows] = np.where(np.isfinite(scores[rows]), scores[rows], 0.0) + idf * weights
        return self._top("lexical", scores, row)

    def _space(self, row: int) -> RankList:
        scores = np.full(len(self._posts), -np.inf)
        for longitude, latitude in self._places[row]:
            kilometres = distance_km(longitude, latitude, self._longitudes, self._latitudes)
            np.maximum.at(scores, self._owners, -kilometres)
        return self._top("space", scores, row)

    def _time(self, row: int) -> RankList:
        return self._top("time", -np.abs(self._times - self._times[row]), row)


def _postings(posts: Sequence[LabelledPost]) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Term -> (rows, BM25 weights): an inverted file."""
    rows: defaultdict[int, list[int]] = defaultdict(list)
    weights: defaultdict[int, list[float]] = defaultdict(list)
    for row, post in enumerate(posts):
        terms = document_terms(post.text, post.language)
        for term, weight in zip(terms.indices, terms.values, strict=True) if terms else ():
            rows[term].append(row)
            weights[term].append(weight)
    return {term: (np.array(rows[term]), np.array(weights[term])) for term in rows}
