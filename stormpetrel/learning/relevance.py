"""Whether a post belongs to an event: what other events teach of such posts, joined to what people said of this one.

The general part is a logistic model of a post's text vector and of how it stands in its collection (near the middle?
like others? in the collection's own words?). Its log odds are one more feature of the event's own model, which is
refitted on all labels each round; where to cut is the plug-in rule of `thresholds`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.learning.thresholds import best_cut

Float64 = NDArray[np.float64]
NEIGHBOURS = 10
TEXT_SAY = 3.0  # of the unit text vector beside standardised features
PENALTY_OF_GENERAL, PENALTY_OF_OWN = 0.1, 1.0
LAUGHTER = re.compile(r"[\U0001F600-\U0001F64F]|:\)|:D|\blol\b|haha", re.IGNORECASE)
FIRST_PERSON = re.compile(r"\b(i|my|me|i'm)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Posts:
    """A collection's posts: texts, unit vectors (n, dimensions), and tf-idf rows as a unit sparse matrix (n, terms)."""

    texts: Sequence[str]
    vectors: NDArray[np.float32]
    terms: Any

    def __len__(self) -> int:
        return len(self.texts)


def standing(posts: Posts) -> Float64:
    """How each post stands in its collection and what its text looks like, standardised, shape (n, features)."""
    middle = posts.vectors.mean(axis=0)
    closeness = posts.vectors @ (middle / (np.linalg.norm(middle) or 1.0))
    terms = posts.terms
    own_words = np.asarray(terms.mean(axis=0)).ravel()
    wording = np.asarray(terms @ own_words).ravel()
    likeness = _nearest_mean(posts.vectors @ posts.vectors.T)
    overlap = _nearest_mean((terms @ terms.T).toarray())
    looks = np.array([_looks(text) for text in posts.texts], dtype=np.float64)
    found = np.column_stack([looks, closeness, likeness, wording, overlap])
    made: Float64 = (found - found.mean(axis=0)) / (found.std(axis=0) + 1e-9)
    return made


def _nearest_mean(likeness: NDArray[np.floating]) -> Float64:
    np.fill_diagonal(likeness, 0)
    count = min(NEIGHBOURS, max(1, len(likeness) - 1))
    return np.partition(likeness, len(likeness) - count, axis=1)[:, -count:].mean(axis=1).astype(np.float64)


def _looks(text: str) -> tuple[float, ...]:
    words = text.split()
    return (
        len(text) / 140, len(words) / 20, text.count("@") / 3, text.count("#") / 4, "http" in text, "?" in text,
        "!" in text, any(letter.isdigit() for letter in text), bool(LAUGHTER.search(text)),
        bool(FIRST_PERSON.search(text)), text.startswith("@"), text.startswith("RT"),
    )  # fmt: skip


def _features(posts: Posts) -> Float64:
    return np.hstack([standing(posts), TEXT_SAY * posts.vectors.astype(np.float64)])


@dataclass(frozen=True)
class General:
    """What other events teach. `weights` (features,) and an intercept."""

    weights: Float64
    intercept: float

    def log_odds(self, posts: Posts) -> Float64:
        """Of belonging to the collection's event, shape (n,)."""
        found: Float64 = _features(posts) @ self.weights + self.intercept
        return found


def learn_general(events: Sequence[tuple[Posts, NDArray[np.bool_]]]) -> General:
    """From whole labelled events; in each, both sides count alike."""
    from sklearn.linear_model import LogisticRegression

    features = np.vstack([_features(posts) for posts, _ in events])
    truth = np.concatenate([is_ for _, is_ in events])
    shares = np.concatenate([np.where(is_, 1 / max(1, is_.sum()), 1 / max(1, (~is_).sum())) for _, is_ in events])
    made = LogisticRegression(C=PENALTY_OF_GENERAL, max_iter=500)
    made.fit(features, truth, sample_weight=shares * len(shares) / shares.sum())
    return General(made.coef_[0], float(made.intercept_[0]))


def own_scores(posts: Posts, general: Float64 | None, rows: NDArray[np.int64], signs: NDArray[np.int8]) -> Float64:
    """The log odds of all posts by a model of the labelled rows (signs 1, -1); those of other events alone, while the
    labels have one sign."""
    if len(set(signs.tolist())) < 2:
        return general if general is not None else np.zeros(len(posts))
    from sklearn.linear_model import LogisticRegression

    features = posts.vectors.astype(np.float64)
    if general is not None:
        features = np.column_stack([features, general])
    made = LogisticRegression(C=PENALTY_OF_OWN, solver="liblinear", dual=True, max_iter=2000, random_state=0)
    found: Float64 = made.fit(features[rows], signs).decision_function(features)
    return found


def said(log_odds: Float64, unlabelled: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which posts belong, cut where the unlabelled ones promise the best macro F1."""
    probabilities = 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))
    found: NDArray[np.bool_] = probabilities >= best_cut(probabilities[unlabelled])
    return found
