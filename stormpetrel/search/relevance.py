"""Relevance as a number: the probability that a post answers a query, from its raw scores alone.

A logistic regression, learned from judged queries with whole events left out. It looks at no list, so that a search
and a stream of posts give one post the same number. What a post is worth without any query is another number, the
`event_relevance` of its labels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.embedding_spec import same_vectors
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.fusion import RankList

Scores = NDArray[np.float64]
MIN_RELEVANCE = 0.25  # from which a hit is likely to answer: the best F1 on judged questions; see decision 30
NEAR_KM, NEAR_S = 50.0, 86_400.0  # from which a place or a moment counts for 1/e
MOST_WORDS = 30  # a longer text is a post, and one as good as any
FEATURES = ("1", "cosine", "bm25", "bm25 a word", "cosine * bm25", "cosine * words", "words", "place", "moment")
ENOUGH = frozenset({"text"})  # without a cosine nothing was learned
REMEDY = "Learn it: stormpetrel train ranking --data DIR --questions FILE"
NO_WEIGHTS = f"relevance is unknown: nothing was learned for this text model. {REMEDY}"
NO_QUERY = "relevance is unknown: filters alone ask nothing"
NO_TEXT = "relevance is unknown: the query has no text, and it was learned from queries with one"


def relevance_features(scores: Mapping[str, Scores], words: int) -> Scores:
    """The features of each post, shape (posts, 9); see `Relevance.of`."""
    count = len(next(iter(scores.values())))

    def known(name: str, worst: float) -> Scores:
        values = scores.get(name)
        return np.full(count, worst) if values is None else np.where(np.isnan(values), worst, values)

    cosine, bm25 = known("text", 0.0), np.log1p(np.maximum(known("lexical", 0.0), 0.0)) / 4
    length = np.full(count, np.log1p(min(words, MOST_WORDS)) / np.log1p(MOST_WORDS))
    a_word = np.minimum(np.maximum(known("lexical", 0.0), 0.0) / max(1, min(words, MOST_WORDS)) / 8, 1.0)
    together = known("spatiotemporal", -np.inf)  # days
    place = np.maximum(np.exp(known("space", -np.inf) / NEAR_KM), np.exp(together))
    moment = np.maximum(np.exp(known("time", -np.inf) / NEAR_S), np.exp(together))
    ones = np.ones(count)
    return np.column_stack([ones, cosine, bm25, a_word, cosine * bm25, cosine * length, length, place, moment])


def scores_of_lists(lists: Sequence[RankList]) -> tuple[list[str], dict[str, Scores]]:
    """The items of a search's lists, and their scores by modality.

    A list is cut: of an item that it lacks, the score is at most the last one of a full list. A text has some cosine
    with every post, so that this last score stands for it; for the other modalities it is unknown.
    """
    items = list(dict.fromkeys(item for ranked in lists for item in ranked.items))
    row_of = {item: row for row, item in enumerate(items)}
    scores: dict[str, Scores] = {}
    for ranked in lists:
        rows = np.fromiter(map(row_of.__getitem__, ranked.items), np.int64, len(ranked))
        lowest = ranked.scores[-1] if ranked.modality == "text" and len(ranked) else np.nan
        values = np.full(len(items), lowest)
        values[rows] = ranked.scores
        scores[ranked.modality] = values
    return items, scores


def doubt_of(shown: Sequence[str], relevance: Mapping[str, float], least: float | None) -> str | None:
    """Why the hits are likely to answer nothing, in words; None where one of them may, or nothing is known of them.

    `shown` are the hits, `least` is the relevance that the request asks for.
    """
    if not relevance:
        return None
    best = max(relevance.values())
    if least is not None and not shown:
        return f"no post reaches a relevance of {least:g}: the best of this search has {best:.2f}"
    best = max((relevance.get(item, 0.0) for item in shown), default=best)
    if best >= MIN_RELEVANCE:
        return None
    return f"no hit is likely to answer: the best does so with a probability of {best:.2f}"


@dataclass(frozen=True)
class Relevance:
    """A weight a feature, of the text model of this version. `left_out` holds, for groups of events, the weights that
    were learned without any of them; an honest evaluation needs these."""

    text_model: str
    weights: Scores
    left_out: tuple[tuple[frozenset[str], Scores], ...] = ()
    learned_from: tuple[str, ...] = field(default=())

    def of(self, scores: Mapping[str, Scores], words: int) -> Scores:
        """The probability that each post answers the query, shape (posts,); NaN where nothing was learned.

        `words` is how many different words the query's text has. `scores` are the raw scores by modality, shape
        (posts,), as a search's lists bear them: `text` the cosine, `lexical` BM25, `space` minus kilometres, `time`
        minus seconds, `spatiotemporal` minus days. A modality that the query has no part for is left out, and so may
        others be that are not known here. NaN is a post that has no score.
        """
        if not scores.keys() >= ENOUGH:
            return np.full(len(next(iter(scores.values()), ())), np.nan)
        log_odds = np.clip(relevance_features(scores, words) @ self.weights, -30, 30)
        return np.asarray(1 / (1 + np.exp(-log_odds)))

    def of_lists(self, lists: Sequence[RankList], words: int) -> dict[str, float]:
        """The probability of each item of a search's lists; empty where nothing was learned."""
        items, scores = scores_of_lists(lists)
        if not items or not scores.keys() >= ENOUGH:
            return {}
        return dict(zip(items, self.of(scores, words).tolist(), strict=True))

    def for_model(self, version: str) -> Relevance | None:
        """This; None where it was learned with another text model."""
        return self if same_vectors(version, self.text_model) else None

    def without(self, events: frozenset[str]) -> Relevance:
        """As it was learned without these events. Where they are of several groups, without the first."""
        weights = next((weights for group, weights in self.left_out if group & events), self.weights)
        return Relevance(self.text_model, weights)

    def save(self, file: Path) -> None:
        """Writes the weights as JSON."""
        fields = {
            "text_model": self.text_model,
            "learned_from": list(self.learned_from),
            "features": list(FEATURES),
            "weights": _rounded(self.weights),
            "left_out": [{"events": sorted(group), "weights": _rounded(weights)} for group, weights in self.left_out],
        }
        file.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Relevance:
        """Raises ModelUnavailable where the file is missing or has another form."""
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            if tuple(fields["features"]) != FEATURES:
                raise ValueError("other features than this version has")
            left_out = tuple((frozenset(each["events"]), _weights(each)) for each in fields["left_out"])
            learned_from = tuple(str(name) for name in fields["learned_from"])
            return cls(str(fields["text_model"]), _weights(fields), left_out, learned_from)
        except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
            raise ModelUnavailable(f"no weights of relevance in {file}: {error!r}. {REMEDY}") from error


def _rounded(weights: Scores) -> list[float]:
    return [round(float(value), 5) for value in weights]


def _weights(fields: Mapping[str, Any]) -> Scores:
    weights = np.asarray(fields["weights"], dtype=np.float64)
    if weights.shape != (len(FEATURES),) or not np.isfinite(weights).all():
        raise ValueError("not one finite weight a feature")
    return weights
