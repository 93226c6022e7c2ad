"""The model of a label: one object, whether a round of active learning or the stream has trained it.

It is a function of its examples in order, so `version`, the hash of the examples, names it wherever it is trained. What
depends on where it is used is no part of it: the threshold from which an item bears the label (a round takes it from
the unlabelled items, the stream from its examples), and the widths of the patches' kernel (the collection's).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.ids import ItemKind
from stormpetrel.learning.training.examples import Examples, Float32, Ranker, Signs
from stormpetrel.learning.training.kernel import Kernel, kernel_of
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.learning.training.relevance_model import fit_logistic
from stormpetrel.learning.training.support_vector_ranker import SupportVectorRanker, fit

ALGORITHM = 4  # raised when the same examples begin to make other models


@dataclass(frozen=True)
class LabelModel:
    """A fitted model and the version of what it learned from."""

    ranker: LinearModel | SupportVectorRanker
    version: str

    def above(self, threshold: float) -> Ranker:
        """The ranker that scores 0 at a threshold of log odds; only posts have one."""
        return self.ranker.above(threshold) if isinstance(self.ranker, LinearModel) else self.ranker


def initial_version(prior: LinearModel | None) -> str:
    """The version before the first example: another algorithm or prior makes other models of the same examples."""
    digest = hashlib.sha256(str(ALGORITHM).encode())
    if prior is not None:
        digest.update(prior.weights.tobytes() + repr(prior.intercept).encode())
    return digest.hexdigest()[:16]


def next_version(version: str, vector: Float32, sign: int) -> str:
    """The version after one more example."""
    return hashlib.sha256(f"{version} {sign} ".encode() + vector.tobytes()).hexdigest()[:16]


def training_version(vectors: Iterable[Float32], signs: Iterable[int], prior: LinearModel | None = None) -> str:
    """The version of a model that learned from just these examples, in this order, on top of a prior."""
    version = initial_version(prior)
    for vector, sign in zip(vectors, signs, strict=True):
        version = next_version(version, vector, int(sign))
    return version


def train(kind: ItemKind, kernel: Kernel, prior: LinearModel | None, vectors: Float32, signs: Signs) -> LabelModel:
    """The model of a label of posts or patches; `kernel` is the collection's, which ranks patches,
    and posts by likeness to examples of one sign. Without examples a label of posts has the prior itself."""
    ranker: LinearModel | SupportVectorRanker
    if not len(signs) and prior is not None:
        ranker = prior
    elif kind == "patches" or len(set(signs.tolist())) < 2:
        ranker = fit(vectors, signs, kernel)
    else:
        ranker = fit_logistic(vectors, signs, prior)
    return LabelModel(ranker, training_version(vectors, signs, prior))


def round_threshold(model: LabelModel, unlabelled: Float32) -> float:
    """The log odds from which on a post should bear the label, so that the macro F1 expected over the unlabelled posts
    is the highest; 0 where no probabilities are known."""
    if not isinstance(model.ranker, LinearModel) or not len(unlabelled):
        return 0.0
    log_odds = model.ranker.scores(unlabelled).astype(np.float64)
    cut = best_cut(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))))
    return float(np.log(cut / (1 - cut))) if 0 < cut < 1 else 0.0


def best_cut(probabilities: NDArray[np.floating]) -> float:
    """The probability from which on an item should be called positive, so that the expected macro F1 is the highest; at
    least one item is. The plug-in rule (Dembczynski et al. 2017; Lipton et al. 2014): with calibrated probabilities the
    expected counts of every cut are known, and F1 is at its best well away from .5 where one side is rare.

    >>> best_cut(np.array([0.99, 0.98, 0.97, 0.6]))
    0.97
    """
    ordered = np.sort(np.asarray(probabilities, dtype=np.float64))[::-1]
    count, total = len(ordered), ordered.sum()
    positives = np.arange(1, count + 1)  # how many items each cut calls positive
    true_positives = np.cumsum(ordered)
    f1_positive = 2 * true_positives / (positives + total)
    true_negatives = (count - positives) - (total - true_positives)
    f1_negative = 2 * true_negatives / np.maximum((count - positives) + (count - total), 1e-12)
    # A cut takes all items that are equal to it: among equal ones only the last is a possible cut.
    possible = np.append(ordered[1:] < ordered[:-1], True)
    return float(ordered[int(np.argmax(np.where(possible, f1_positive + f1_negative, -1.0)))])


def balanced_threshold(model: LinearModel, vectors: Float32, signs: NDArray[np.int_]) -> float:
    """The score half-way between the means of both signs' examples: both count alike, however many each has."""
    scores = vectors.astype(np.float64) @ model.weights + model.intercept
    return float(scores[signs > 0].mean() + scores[signs < 0].mean()) / 2


def round_ranker(examples: Examples, matrix: Float32, prior: LinearModel | None) -> Ranker:
    """The model of a label of posts in a round over `matrix`, with the round's threshold."""
    model = train("posts", kernel_of(matrix), prior, examples.vectors, examples.signs)
    return model.above(round_threshold(model, matrix[examples.unlabelled(len(matrix))]))
