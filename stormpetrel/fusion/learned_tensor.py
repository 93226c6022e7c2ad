"""Tensor fusion with learned weights: how much each surface counts depends on what the lists look like for this query.

The tensor and the merge by reciprocal rank are those of `tensor.py`. Here each surface, a pair of lists or a list
alone, has a factor. Its logarithm is linear in what can be seen of the lists without any judgement: how peaked a list
is, how far it agrees with the others, how good its first score is, how long it is, and, for a pair, how far the two
heads overlap. With all coefficients 0 every factor is 1, and the fusion is `tensor_rrf`, the plain tensor.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.fusion.baselines.rrf import RRF_K
from stormpetrel.fusion.rank_list import FusedItem, RankList
from stormpetrel.fusion.tensor import Surfaces, surfaces_of

LEARNED_TENSOR = "tensor_learned"  # the name of this fusion
FEEDBACK = "feedback"  # the list of the query moved towards its best hits (pseudo-relevance feedback)
FEEDBACK_FROM = 5  # best hits
HEAD = 20  # the first items of a list, from which its features are computed
LONG_LIST = 100.0  # a list of so many items is as long as any
LIST_FEATURES = 5  # 1, peakedness, agreement, level, length
PAIR_FEATURES = 2  # 1, overlap
MOST = 8.0  # the largest logarithm of a factor: a list may outweigh all others, and no number overflows
REMEDY = "Learn them: stormpetrel train ranking --data DIR --questions FILE"
Array = NDArray[np.float64]


def list_features(ranked: RankList, others: Sequence[RankList]) -> Array:
    """The features of a list that is not empty, shape (5,), each between -1 and 1.

    They are 1; peakedness, by how many standard deviations (divided by 5) the first score exceeds the mean of the
    head; agreement, the mean share of the head that the heads of the other lists hold too; level, the first score x as
    x / (1 + |x|); and length, as a share of 100 items.
    """
    scores = np.asarray(ranked.scores)
    spread = float(scores.std()) or 1.0
    peak = float(scores[0] - scores[:HEAD].mean()) / spread / 5
    shares = [_overlap(ranked, other) for other in others if len(other)]
    agreement = sum(shares) / len(shares) if shares else 0.0
    level = float(scores[0]) / (1 + abs(float(scores[0])))
    return np.array([1.0, min(peak, 1.0), agreement, level, min(len(ranked) / LONG_LIST, 1.0)])


def _overlap(first: RankList, second: RankList) -> float:
    return len(set(first.items[:HEAD]) & set(second.items[:HEAD])) / HEAD


def surface_features(lists: Sequence[RankList], columns: Sequence[tuple[int, ...]], names: Sequence[str]) -> Array:
    """The features of each surface, shape (surfaces, len(names) * 5 + 2): the mean of its lists' features, each in the
    part of its name (a list of another name in none), then those of a pair, 0 for a list alone."""
    position = {name: number for number, name in enumerate(names)}
    of_list = np.zeros((len(lists), len(names), LIST_FEATURES))
    for row, ranked in enumerate(lists):
        if ranked.modality in position:
            others = [other for other in lists if other is not ranked]
            of_list[row, position[ranked.modality]] = list_features(ranked, others)
    parts = of_list.reshape(len(lists), len(names) * LIST_FEATURES)
    rows = [
        [*parts[list(surface)].mean(axis=0), *_pair_features([lists[column] for column in surface])]
        for surface in columns
    ]
    return np.array(rows)


def _pair_features(lists: Sequence[RankList]) -> tuple[float, float]:
    return (1.0, _overlap(*lists)) if len(lists) == PAIR_FEATURES else (0.0, 0.0)


@dataclass(frozen=True)
class LearnedTensor:
    """The coefficients of the features, shape (len(names) * 5 + 2,): those of the lists of each name, then the pairs'.

    `k` is the constant of the reciprocal ranks. A list of a name that nothing was learned for has the factor 1.
    """

    names: tuple[str, ...]
    coefficients: Array
    k: float = RRF_K

    @classmethod
    def equal(cls) -> LearnedTensor:
        """All factors 1: the plain tensor."""
        return cls((), np.zeros(PAIR_FEATURES))

    def leaning(self, name: str, by: float) -> LearnedTensor:
        """The same, with the list of this name leaned on: by itself it counts exp(by) times as much, and each pair that
        it is in exp(by / 2) times. A name that nothing was learned for changes nothing."""
        if name not in self.names:
            return self
        coefficients = self.coefficients.copy()
        coefficients[LIST_FEATURES * self.names.index(name)] += by
        return replace(self, coefficients=coefficients)

    def __call__(self, lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
        """The fused list, each item with the surface that added most to its score; a modality without a weight has 1.

        Raises BadQuery as `tensor_fuse` does.
        """
        present, surfaces = surfaces_of(lists, weights)
        if not surfaces.ids:
            return []
        added = surfaces.reciprocal_ranks(self.k, self.factors(present, surfaces).tolist())
        sums, deciding = surfaces.sums(added), added.argmax(axis=0).tolist()
        names = [ranked.modality for ranked in present]
        by_surface = [tuple(names[column] for column in columns) for columns in surfaces.columns]
        order = np.lexsort((surfaces.place, -sums)).tolist()
        ranks, scores = surfaces.ranks.tolist(), sums.tolist()
        return [
            FusedItem(
                surfaces.ids[row],
                {name: rank for name, rank in zip(names, ranks[row], strict=True) if rank},
                score=scores[row],
                decided_by=by_surface[deciding[row]],
            )
            for row in order
        ]

    def factors(self, lists: Sequence[RankList], surfaces: Surfaces) -> Array:
        """The factor of each surface, shape (surfaces,)."""
        features = surface_features(lists, surfaces.columns, self.names)
        return np.asarray(np.exp(np.clip(features @ self.coefficients, -MOST, MOST)))


@dataclass(frozen=True)
class RankingWeights:
    """The learned tensor as a system works with it, and what an honest evaluation needs beside it.

    `text_model` is the version of the text model whose lists it was learned from. `left_out` holds, for groups of
    events, the fusion that was learned without any of them.
    """

    text_model: str
    fusion: LearnedTensor
    left_out: tuple[tuple[frozenset[str], LearnedTensor], ...] = ()
    learned_from: tuple[str, ...] = field(default=())

    def without(self, events: frozenset[str]) -> LearnedTensor:
        """The fusion that was learned without these events. Where they are of several groups, that of the first."""
        return next((fusion for group, fusion in self.left_out if group & events), self.fusion)

    @cached_property
    def fields(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "text_model": self.text_model,
            "learned_from": list(self.learned_from),
            "fusion": _fields(self.fusion),
            "left_out": [{"events": sorted(events), **_fields(fusion)} for events, fusion in self.left_out],
        }

    def save(self, file: Path) -> None:
        """Writes the weights as JSON."""
        file.write_text(json.dumps(self.fields, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> RankingWeights:
        """Raises ModelUnavailable where the file is missing or has another form."""
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            left_out = tuple((frozenset(each["events"]), _fusion(each)) for each in fields["left_out"])
            learned_from = tuple(str(name) for name in fields["learned_from"])
            return cls(str(fields["text_model"]), _fusion(fields["fusion"]), left_out, learned_from)
        except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
            raise ModelUnavailable(f"no fusion weights in {file}: {error!r}. {REMEDY}") from error


def _fields(fusion: LearnedTensor) -> dict[str, Any]:
    values = [round(float(value), 4) for value in fusion.coefficients]
    size = LIST_FEATURES
    of_lists = {name: values[size * n : size * (n + 1)] for n, name in enumerate(fusion.names)}
    return {"k": fusion.k, "lists": of_lists, "pairs": values[size * len(fusion.names) :]}


def _fusion(fields: Mapping[str, Any]) -> LearnedTensor:
    """Raises ValueError for coefficients of another number."""
    names = tuple(fields["lists"])
    parts = [*fields["lists"].values(), fields["pairs"]]
    if [len(part) for part in parts] != [LIST_FEATURES] * len(names) + [PAIR_FEATURES]:
        raise ValueError("other coefficients than this version has")
    values = np.array([value for part in parts for value in part], dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("a coefficient is no finite number")
    return LearnedTensor(names, values, float(fields["k"]))
