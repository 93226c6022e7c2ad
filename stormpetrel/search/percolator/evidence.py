"""The scores of a batch of posts for many saved searches, in every modality: the same as a search gives them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.events import TermWeights
from stormpetrel.core.ports import Point
from stormpetrel.search.nearness import CIRCLES_KM, SCORES
from stormpetrel.search.percolator.compiled_search import CompiledSearch
from stormpetrel.search.percolator.distances import kilometres

Scores = NDArray[np.float64]  # (posts, searches); NaN where the search finds no such post in the modality
DENSE, SPARSE = ("text", "visual"), ("lexical", "concepts")


class DenseEvidence:
    """The vectors of one model in the searches that have one, float32."""

    def __init__(self, vectors: Sequence[NDArray[np.float32] | None]) -> None:
        given = [(row, vector) for row, vector in enumerate(vectors) if vector is not None]
        self._count, self._rows = len(vectors), np.array([row for row, _ in given], dtype=np.int64)
        # The usual size: one vector of another model must not silence the others.
        sizes = Counter(len(vector) for _, vector in given).most_common(1)
        self._dimensions = sizes[0][0] if sizes else 0
        self._vectors = np.zeros((len(given), self._dimensions), dtype=np.float32)
        for place, (_, vector) in enumerate(given):
            if len(vector) == self._dimensions:
                self._vectors[place] = vector / (np.linalg.norm(vector) or 1.0)

    def scores(self, points: Sequence[Point], name: str) -> Scores:
        """Cosines."""
        scores = np.full((len(points), self._count), np.nan)
        there = [(n, point.dense[name]) for n, point in enumerate(points) if name in point.dense]
        there = [(n, vector) for n, vector in there if len(vector) == self._dimensions]
        if there and len(self._rows):
            vectors = np.stack([vector for _, vector in there]).astype(np.float32)
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            scores[np.ix_(np.array([n for n, _ in there]), self._rows)] = vectors @ self._vectors.T
        return scores


class SparseEvidence:
    """The terms of the searches that have some. A post is found where it shares one of them."""

    def __init__(self, terms: Sequence[TermWeights | None]) -> None:
        self._count = len(terms)
        rows: dict[int, list[int]] = defaultdict(list)
        values: dict[int, list[float]] = defaultdict(list)
        for row, weights in enumerate(terms):
            for term, value in zip(weights.indices, weights.values, strict=True) if weights else ():
                rows[term].append(row)
                values[term].append(value)
        # By term: the searches that have it, and their weights of it.
        self._postings = {term: (np.array(rows[term]), np.array(values[term], dtype=np.float64)) for term in rows}

    def scores(self, points: Sequence[Point], name: str) -> Scores:
        """The dot products."""
        products = np.zeros((len(points), self._count))
        for n, point in enumerate(points):
            for term, weight in zip(*point.sparse.get(name, ((), ())), strict=True):
                if term in self._postings:
                    rows, values = self._postings[term]
                    products[n, rows] += weight * values
        return np.where(products > 0, products, np.nan)


class NearnessEvidence:
    """The places and moments of the searches that have them as evidence."""

    def __init__(self, searches: Sequence[CompiledSearch]) -> None:
        areas = [search.query.area for search in searches]
        self._placed = np.array([area is not None for area in areas], dtype=bool)
        self._longitudes = np.array([area.longitude if area else 0.0 for area in areas])
        self._latitudes = np.array([area.latitude if area else np.inf for area in areas])
        reaches = [area.radius_km if area and area.radius_km is not None else np.inf for area in areas]
        self._reach_km = np.minimum(np.array(reaches, dtype=np.float64), CIRCLES_KM[-1])
        self._moments = np.array([_seconds(search.query.at) for search in searches])

    def kilometres(self, points: Sequence[Point]) -> Scores:
        """From each search's place to the nearest town of each post; NaN out of reach."""
        nearest = np.full((len(points), len(self._latitudes)), np.inf)
        if self._placed.any():
            for n, point in enumerate(points):
                for town in point.payload.get("towns") or ():
                    place = town["lon"], town["lat"]
                    distances = kilometres(*place, self._longitudes, self._latitudes, self._reach_km)
                    np.minimum(nearest[n], distances, out=nearest[n])
        return np.where(np.isfinite(nearest), nearest, np.nan)

    def seconds(self, points: Sequence[Point]) -> Scores:
        """Between each search's moment and each post; NaN without a moment."""
        times = np.array([point.payload.get("event_time", np.nan) for point in points], dtype=np.float64) / 1000
        return np.asarray(np.abs(times[:, None] - self._moments[None, :]))


class Evidence:
    """What all these searches look for. `scores` gives one array a modality that one of them has."""

    def __init__(self, searches: Sequence[CompiledSearch]) -> None:
        names = sorted({name for search in searches for name in search.modalities})
        self._has = {name: np.array([name in search.modalities for search in searches]) for name in names}
        parts = {
            "text": [search.query.text for search in searches],
            "visual": [search.query.visual for search in searches],
        }
        terms = {
            "lexical": [search.query.terms for search in searches],
            "concepts": [search.query.concepts for search in searches],
        }
        self._dense = {name: DenseEvidence(parts[name]) for name in DENSE if name in self._has}
        self._sparse = {name: SparseEvidence(terms[name]) for name in SPARSE if name in self._has}
        self._nearness = NearnessEvidence(searches)
        self._thresholds = {name: _thresholds(searches, name) for name in names}

    def scores(self, points: Sequence[Point]) -> dict[str, Scores]:
        """By modality; NaN also where a score is below the search's own threshold. The words of the posts bear their
        inverse document frequency already."""
        scores = {name: part.scores(points, name) for name, part in self._dense.items()}
        scores |= {name: part.scores(points, name) for name, part in self._sparse.items()}
        if near := [name for name in SCORES if name in self._has]:
            seconds, kilometres_away = self._nearness.seconds(points), self._nearness.kilometres(points)
            scores |= {name: _near(name, seconds, kilometres_away) for name in near}
        for name, array in scores.items():
            array[:, ~self._has[name]] = np.nan
            if (threshold := self._thresholds[name]) is not None:
                array[array < threshold] = np.nan
        return scores


def _near(name: str, seconds: Scores, kilometres_away: Scores) -> Scores:
    return np.asarray(SCORES[name](seconds, kilometres_away), dtype=np.float64)  # type: ignore[arg-type]


def _thresholds(searches: Sequence[CompiledSearch], name: str) -> NDArray[np.float64] | None:
    stated = [search.query.score_threshold.get(name, -np.inf) for search in searches]
    return np.array(stated) if np.isfinite(stated).any() else None


def _seconds(moment: datetime | None) -> float:
    return np.nan if moment is None else moment.timestamp()
