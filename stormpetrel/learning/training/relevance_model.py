"""The model of a label over posts: what people said of this event, beside what other events teach.

It is a logistic regression of the text vector and, where the label has a prior, of the prior's log odds: a linear model
that was learned from whole labelled events before this one. Folded together they are one linear model again. On posts
it beats the kernel machine that patches are ranked by (ARCHITECTURE.md has the figures). A round says a label of a post
from where the unlabelled posts promise the best macro F1 (`thresholds`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import MalformedRecord, ModelUnavailable
from stormpetrel.learning.active.selection import Examples, Fits, Ranker
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.learning.training.support_vector_ranker import Float32, fit, width_of
from stormpetrel.learning.training.thresholds import best_cut

Signs = NDArray[np.int8]
Events = Sequence[tuple[Float32, NDArray[np.bool_]]]
PENALTY = 3.0  # scikit-learn's C, of unit text vectors beside log odds
PENALTY_OF_PRIOR = 1.0
WAY = 2  # counts the ways of learning that models were published of
REMEDY = "Learn it: stormpetrel train relevance --data DIR"


@dataclass(frozen=True)
class Prior:
    """What other events teach of a label, in the space of one text model. `learned_from` names the events."""

    label: str
    text_model: str
    model: LinearModel
    learned_from: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """A mark of exactly this prior."""
        return self.model.version

    def save(self, file: Path) -> None:
        fields = {"label": self.label, "text_model": self.text_model, "learned_from": self.learned_from}
        file.write_text(json.dumps({**fields, **self.model.told()}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Prior:
        """Raises ModelUnavailable where the file is missing or is not one of ours."""
        try:
            held = json.loads(file.read_text(encoding="utf-8"))
            names = tuple(str(name) for name in held["learned_from"])
            return cls(str(held["label"]), str(held["text_model"]), LinearModel.read(held), names)
        except (OSError, ValueError, KeyError, TypeError, MalformedRecord) as error:
            raise ModelUnavailable(f"no prior of relevance in {file}: {error!r}. {REMEDY}") from error


def learn_prior(events: Events) -> LinearModel:
    """From (unit text vectors, whether each post belongs) of whole labelled events; in each, both sides count alike."""
    from sklearn.linear_model import LogisticRegression

    vectors = np.vstack([found for found, _ in events]).astype(np.float64)
    truth = np.concatenate([belongs for _, belongs in events])
    shares = np.concatenate([np.where(own, 1 / max(1, own.sum()), 1 / max(1, (~own).sum())) for _, own in events])
    made = LogisticRegression(C=PENALTY_OF_PRIOR, max_iter=500)
    made.fit(vectors, truth, sample_weight=shares * len(shares) / shares.sum())
    return LinearModel(made.coef_[0].astype(np.float64), float(made.intercept_[0]))


def logistic(
    vectors: Float32, signs: NDArray[np.int_] | Signs, prior: LinearModel | None, balanced: bool
) -> LinearModel:
    """The regression of examples (n, dimensions) with signs 1 and -1, both among them; `balanced`: both count alike.
    The same examples in the same order give the same model, bit for bit."""
    from sklearn.linear_model import LogisticRegression

    features = vectors.astype(np.float64)
    if prior is not None:
        features = np.column_stack([features, features @ prior.weights + prior.intercept])
    made = LogisticRegression(
        C=PENALTY,
        solver="liblinear",
        dual=True,
        max_iter=2000,
        random_state=0,
        class_weight="balanced" if balanced else None,
    ).fit(features, signs)
    weights, intercept = made.coef_[0].astype(np.float64), float(made.intercept_[0])
    if prior is None:
        return LinearModel(weights, intercept)
    share = float(weights[-1])
    return LinearModel(weights[:-1] + share * prior.weights, intercept + share * prior.intercept)


def fitted(examples: Examples, matrix: Float32, prior: LinearModel | None) -> tuple[Ranker, Fits]:
    """The model of a label of posts in this round, its cut taken from the rows of `matrix` that bear no label; and how
    other examples are fitted likewise. Without labels it is the prior itself; with labels of one sign, likeness to
    them."""
    gamma = width_of(matrix)
    first = _fit(examples.vectors, examples.signs, gamma, prior, 0.0)
    free = np.ones(len(matrix), dtype=bool)
    free[examples.rows[examples.rows >= 0]] = False
    if not isinstance(first, LinearModel) or not free.any():
        return first, partial(_fit, gamma=gamma, prior=prior, cut=0.0)
    cut = _best_cut(first.scores(matrix[free]))
    return replace(first, intercept=first.intercept - cut), partial(_fit, gamma=gamma, prior=prior, cut=cut)


def _fit(vectors: Float32, signs: Signs, gamma: float, prior: LinearModel | None, cut: float) -> Ranker:
    if not len(signs) and prior is not None:
        made = prior
    elif len(set(signs.tolist())) < 2:
        return fit(vectors, signs, gamma)
    else:
        made = logistic(vectors, signs, prior, balanced=False)
    return replace(made, intercept=made.intercept - cut)


def _best_cut(log_odds: Float32) -> float:
    """The log odds from which on a post should bear the label."""
    probabilities = 1 / (1 + np.exp(-np.clip(log_odds.astype(np.float64), -30, 30)))
    cut = best_cut(probabilities)
    return float(np.log(cut / (1 - cut))) if 0 < cut < 1 else 0.0


def prior_of(prior: Prior | None, kind: str, label: str) -> LinearModel | None:
    """What is known of a label before anybody says anything; `kind` is posts or patches."""
    return prior.model if prior is not None and kind == "posts" and label == prior.label else None


def mark_of(prior: LinearModel | None) -> str:
    """What a model's version begins with: another way of learning, or another prior, makes other models of the same
    labels."""
    return hashlib.sha256(f"{WAY} {prior.version if prior else ''}".encode()).hexdigest()[:16]
