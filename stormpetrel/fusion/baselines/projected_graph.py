"""Graph-based fusion with its projection, for evaluations (after Gialampoukidis et al., "Multimedia retrieval based on
non-linear graph-based fusion and partial least squares regression", Multimedia Tools and Applications 77, 2018).

`graph` walks between lists and items, since that is all that a search has. The published method needs the items'
vectors: partial least squares regression brings two modalities into one latent space, each modality gives a matrix of
similarities between the items there, and a random walk on their mean (the contextual similarity matrix) spreads the
scores of the lists to items that resemble the best ones. The walk starts from the lists, and at each step only the
first items so far pass on (the operator K of Ah-Pine, Csurka and Clinchant, ACM TOIS 2015). The answer is the sum of
the lists' scores and of the walk's, of equal weight, since nothing is tuned on what judges it. It is a reading of the
first paper's abstract and of the second paper, not the authors' code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stormpetrel.fusion.baselines.graph import RESTART, STEPS
from stormpetrel.fusion.baselines.sums import min_max
from stormpetrel.fusion.rank_list import FusedItem, RankList, by_score

COMPONENTS = 20  # of the latent space
FITTED_ON = 3000  # rows at most: a projection of as few components needs no more
NEAREST = 10  # items that an item passes on to, and that pass on at each step
Array = NDArray[np.float64]


def project(first: NDArray[np.floating], second: NDArray[np.floating]) -> tuple[Array, Array]:
    """Both modalities' vectors in one latent space, unit vectors of shape (items, components).

    `first` is (items, any) and `second` (items, any other), in the same order. Fitted without any label, on evenly
    spaced rows.
    """
    from sklearn.cross_decomposition import PLSRegression

    rows = np.unique(np.linspace(0, len(first) - 1, min(FITTED_ON, len(first))).astype(int))
    components = min(COMPONENTS, len(rows), first.shape[1], second.shape[1])
    regression = PLSRegression(components, scale=False).fit(first[rows], second[rows])
    projected: tuple[Array, Array] = regression.transform(first, second)
    return _unit(projected[0]), _unit(projected[1])


def projected_graph(
    lists: Sequence[RankList],
    latent: Mapping[str, Array],
    row_of: Callable[[str], int],
    weights: Mapping[str, float] | None = None,
) -> list[FusedItem]:
    """Items by the sum of their lists' normalised scores and of the probability that the walk is there.

    `latent` holds the unit vectors (rows, components) of the modalities that have some, `row_of` an item's row.
    """
    present = [ranked for ranked in lists if len(ranked)]
    if not present:
        return []
    union = sorted({item for ranked in present for item in ranked.items})
    scores = _scores(present, union, weights)
    rows = np.array([row_of(item) for item in union])
    similar = [_transitions(latent[ranked.modality][rows]) for ranked in present if ranked.modality in latent]
    if similar and scores.sum() > 0:
        walked = _walk(scores / scores.sum(), np.mean(similar, axis=0))
        scores = scores / scores.max() + walked / walked.max()
    return by_score(present, dict(zip(union, scores.tolist(), strict=True)))


def _scores(lists: Sequence[RankList], union: Sequence[str], weights: Mapping[str, float] | None) -> Array:
    """The weighted sum of the lists' normalised scores, shape (items,)."""
    column_of = {item: column for column, item in enumerate(union)}
    scores = np.zeros(len(union))
    for ranked in lists:
        columns = [column_of[item] for item in ranked.items]
        scores[columns] += (weights or {}).get(ranked.modality, 1.0) * np.asarray(min_max(ranked))
    return scores


def _transitions(vectors: Array) -> Array:
    """From each item to the nearest others by their similarity; rows sum to 1, shape (items, items)."""
    similarity = np.maximum(vectors @ vectors.T, 0.0)
    np.fill_diagonal(similarity, 0.0)
    reach = min(NEAREST, len(similarity) - 1)
    if reach > 0:
        least = np.partition(similarity, -reach, axis=1)[:, -reach, None]
        similarity = np.where(similarity >= least, similarity, 0.0)
    np.fill_diagonal(similarity, np.where(similarity.sum(axis=1) > 0, 0.0, 1.0))  # what resembles nothing stays
    return np.asarray(similarity / similarity.sum(axis=1, keepdims=True))


def _walk(start: Array, transitions: Array) -> Array:
    probabilities = start
    for _ in range(STEPS):
        least = np.sort(probabilities)[-min(NEAREST, len(start))]
        first = np.where(probabilities >= least, probabilities, 0.0)
        moved = RESTART * start + (1 - RESTART) * (first / first.sum()) @ transitions
        if np.abs(moved - probabilities).max() < 1e-9:
            break
        probabilities = moved
    return probabilities


def _unit(vectors: Array) -> Array:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))
