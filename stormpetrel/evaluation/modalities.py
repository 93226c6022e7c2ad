"""The rank lists of a test collection, computed exactly and in memory: what the index answers, without an index.

Text is the cosine of the encoder's vectors, lexical is BM25 over the same terms that are indexed, time is minus
seconds, space is minus kilometres between the places that the texts name. Every query is a search of the product, to
which the collection is the index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.cells import distance_km
from stormpetrel.core.ports import Document, Filter, IndexQuery, NearestQuery, Point, Scored
from stormpetrel.evaluation.test_collections import LabelledPost
from stormpetrel.fusion import RankList
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.gloss.gloss import Glosser, glossed_words
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.text.lexical import document_terms, query_terms, word_count
from stormpetrel.search.query import Area, Query

FREQUENT_TERMS = 500  # that stand for a post's words where a matrix of them is needed
Array = NDArray[np.float64]


class Collection:
    """Posts as a VectorReader of one collection, whatever its name, with filters by `event_time`, `language` and
    circles; ids are rows as strings of equal length, so that ties fall by row.
    """

    def __init__(
        self, posts: Sequence[LabelledPost], encoder: Encoder, places: Geoparser, glosser: Glosser | None = None
    ) -> None:
        glosser = glosser or getattr(encoder, "pivot", None)  # what an English model reads, words are found by
        self._posts, self._glosser = posts, glosser
        self._languages = np.array([post.language for post in posts])
        self._vectors = encoder.encode([post.text for post in posts])
        self._times = np.array([post.at for post in posts])
        self._places = [[place for place in places.places(post.text) if not place.is_area] for post in posts]
        owners = [(row, place) for row, places_there in enumerate(self._places) for place in places_there]
        self._owners = np.array([row for row, _ in owners], dtype=np.int64)
        self._longitudes = np.array([place.longitude for _, place in owners])
        self._latitudes = np.array([place.latitude for _, place in owners])
        self._towns = np.array([place.is_town for _, place in owners], dtype=bool)
        self._postings = _postings(posts, glosser)

    def example(self, row: int, depth: int) -> Query:
        """The query by the post in this row, as the product asks it: its vector, words, place and time."""
        post, places = self._posts[row], self._places[row]
        best = max(places, key=lambda place: place.confidence, default=None)
        return Query(
            text=self._vectors[row],
            terms=query_terms(post.text, [post.language], glossed_words(self._glosser, post.text)),
            words=word_count(post.text),
            area=Area(best.longitude, best.latitude) if best else None,
            at=datetime.fromtimestamp(post.at, UTC),
            exclude=self.name(row),
            depth=depth,
        )

    def features(self) -> dict[str, NDArray[np.floating]]:
        """The text vectors (posts, dimensions), and the BM25 weights of the most frequent terms (posts, terms)."""
        frequent = sorted(self._postings.items(), key=lambda posting: (-len(posting[1][0]), posting[0]))
        weights = np.zeros((len(self._posts), min(FREQUENT_TERMS, len(frequent))), dtype=np.float32)
        for column, (_, (rows, values)) in enumerate(frequent[:FREQUENT_TERMS]):
            weights[rows, column] = values
        return {"text": self._vectors, "lexical": weights}

    @staticmethod
    def name(row: int) -> str:
        """The id of the post in this row."""
        return f"{row:07d}"

    def points(self) -> list[Point]:
        """Every post as an index holds it, by row."""
        return [self._point(row, post) for row, post in enumerate(self._posts)]

    def _point(self, row: int, post: LabelledPost) -> Point:
        terms = document_terms(post.text, post.language, glossed_words(self._glosser, post.text))
        moment = int(self._times[row] * 1000)
        located = [{"lon": place.longitude, "lat": place.latitude} for place in self._places[row]]
        payload = self._payload(row) | {"indexed_at": moment, "location": located, "language": post.language}
        sparse = {"lexical": (terms.indices, terms.values)} if terms else {}
        return Point(self.name(row), payload, dense={"text": self._vectors[row]}, sparse=dict(sparse))

    def query(self, collection: str, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        """What the index answers: the `limit` best rows of each query, in the order of equal rows."""
        return [self._answer(query) for query in queries]

    def vectors(
        self, collection: str, ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, dict[str, NDArray[np.float32]]]:
        """The text vectors of these rows."""
        return {item: {"text": self._vectors[int(item)]} for item in ids} if "text" in names else {}

    def count_by(self, collection: str, field: str, values: Sequence[str]) -> dict[str, int]:
        """Nothing: no post is another's copy."""
        return {}

    def within(self, limits: Filter) -> NDArray[np.bool_]:
        """Whether each post meets the filter, shape (posts,)."""
        since, until = limits.ranges.get("event_time", (None, None))
        times = self._times * 1000
        inside = (times >= (-np.inf if since is None else since)) & (times <= (np.inf if until is None else until))
        counted = self._towns if limits.place_field == "towns" else np.ones(len(self._owners), dtype=bool)
        if "language" in limits.any_of:
            inside &= np.isin(self._languages, limits.any_of["language"])
        for longitude, latitude, radius_km in limits.circles:
            near = distance_km(longitude, latitude, self._longitudes, self._latitudes) <= radius_km
            inside &= np.isin(np.arange(len(self._posts)), self._owners[near & counted])
        return np.asarray(inside)

    def _answer(self, query: IndexQuery) -> list[Scored]:
        if isinstance(query, NearestQuery):
            scores = self._index_scores(query)
        else:  # the one key is `event_time`
            sign = 1 if query.direction == "desc" else -1
            scores = sign * self._times * 1000
            if query.start is not None:
                scores = np.where(scores <= sign * query.start, scores, -np.inf)
        scores = np.where(self.within(query.filter), scores, -np.inf)
        best = np.argsort(-scores, kind="stable")[: query.limit]
        return [Scored(self._payload(int(row)), float(scores[row])) for row in best if np.isfinite(scores[row])]

    def _index_scores(self, query: NearestQuery) -> Array:
        if query.sparse is not None:
            return self._lexical_scores(*query.sparse)
        vector = query.dense if query.dense is not None else np.zeros(self._vectors.shape[1], dtype=np.float32)
        return self._text_scores(vector / (np.linalg.norm(vector) or 1.0))

    def _payload(self, row: int) -> Document:
        towns = [{"lon": place.longitude, "lat": place.latitude} for place in self._places[row] if place.is_town]
        return {"id": self.name(row), "event_time": int(self._times[row] * 1000), "towns": towns}

    def _text_scores(self, vector: NDArray[np.float32]) -> Array:
        return (self._vectors @ vector).astype(np.float64)

    def _lexical_scores(self, terms: Sequence[int], query_weights: Sequence[float]) -> Array:
        scores = np.full(len(self._posts), -np.inf)
        for term, query_weight in zip(terms, query_weights, strict=True):
            rows, weights = self._postings.get(term, (np.empty(0, dtype=np.int64), np.empty(0)))
            idf = np.log(1 + (len(self._posts) - len(rows) + 0.5) / (len(rows) + 0.5))
            scores[rows] = np.where(np.isfinite(scores[rows]), scores[rows], 0.0) + query_weight * idf * weights
        return scores


def top(modality: str, scores: Array, row: int, depth: int) -> RankList:
    """The `depth` best rows of one score a post, without the query's own `row`; minus infinity is no hit."""
    scores[row] = -np.inf
    reach = min(depth, len(scores) - 1)
    best = np.argpartition(-scores, reach)[:depth] if len(scores) > 1 else np.empty(0, dtype=np.int64)
    return RankList.of(modality, ((Collection.name(int(n)), float(scores[n])) for n in best if np.isfinite(scores[n])))


def _postings(
    posts: Sequence[LabelledPost], glosser: Glosser | None
) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Term -> (rows, BM25 weights): an inverted file."""
    rows: defaultdict[int, list[int]] = defaultdict(list)
    weights: defaultdict[int, list[float]] = defaultdict(list)
    for row, post in enumerate(posts):
        terms = document_terms(post.text, post.language, glossed_words(glosser, post.text))
        for term, weight in zip(terms.indices, terms.values, strict=True) if terms else ():
            rows[term].append(row)
            weights[term].append(weight)
    return {term: (np.array(rows[term]), np.array(weights[term])) for term in rows}
