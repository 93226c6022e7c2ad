"""A label's three learners on the stream, and which of them foresees best.

The *incremental* one is River's logistic regression: it learns each label as it comes and never looks back; where its
errors rise (DDM: Gama et al. 2004) it begins anew from the newest labels. The *refitted* one is a linear support
vector machine that is fitted on all labels again; so is the *logistic* one, which begins with what other events teach
(`relevance`). All are asked before they learn (prequential: Gama et al. 2013). All of it is a function of the labels in
their order: the same labels in the same order give the same model, bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stormpetrel.learning.training.linear_model import Float64, LinearModel, packed
from stormpetrel.learning.training.relevance_model import logistic, mark_of

RATE = 0.5
REFIT_EACH = 200  # labels up to which it is refitted at each; then at every fiftieth part more
WINDOW = 50  # labels that the incremental learner begins anew with after a drift
FEWEST = 50  # labels before another than the first may serve
MARGIN = 0.05  # of balanced accuracy by which it must foresee better: by less it is chance, and serves worse
MEMORY = 0.98  # of a prequential score from label to label: what counts is how it does now
Name = Literal["logistic", "refitted", "incremental"]
NAMES: tuple[Name, ...] = ("logistic", "refitted", "incremental")  # the first serves unless another is clearly better


@dataclass
class PrequentialScore:
    """How well a learner foresaw labels: counts, and fading accuracies of each side."""

    seen: dict[str, int] = field(default_factory=lambda: {"1": 0, "-1": 0})
    hits: dict[str, int] = field(default_factory=lambda: {"1": 0, "-1": 0})
    fading: dict[str, float] = field(default_factory=lambda: {"1": 0.5, "-1": 0.5})

    def note(self, sign: int, foreseen: bool) -> None:
        side = str(sign)
        self.seen[side] += 1
        self.hits[side] += foreseen
        self.fading[side] = MEMORY * self.fading[side] + (1 - MEMORY) * foreseen

    @property
    def now(self) -> float:
        """The fading balanced accuracy."""
        return (self.fading["1"] + self.fading["-1"]) / 2

    def told(self) -> dict[str, Any]:
        seen, hits = sum(self.seen.values()), sum(self.hits.values())
        shares = [self.hits[side] / self.seen[side] for side in self.seen if self.seen[side]]
        return {
            "labels": seen,
            "accuracy": round(hits / seen, 6) if seen else None,
            "balanced_accuracy": round(sum(shares) / len(shares), 6) if shares else None,
            "now": round(self.now, 6),
        }

    def state(self) -> dict[str, Any]:
        return {"seen": self.seen, "hits": self.hits, "fading": self.fading}

    @classmethod
    def restored(cls, held: Mapping[str, Any]) -> PrequentialScore:
        return cls(dict(held["seen"]), dict(held["hits"]), dict(held["fading"]))


class Learner:
    """The learners of one label in one collection. `version` is a mark of all that they learned."""

    def __init__(self, prior: LinearModel | None = None) -> None:
        self._prior = prior
        self.version = mark_of(prior)
        self.drifts = 0
        self.prequential: dict[Name, PrequentialScore] = {name: PrequentialScore() for name in NAMES}
        self._vectors: list[NDArray[np.float32]] = []
        self._signs: list[int] = []
        self._fitted: dict[Name, LinearModel] = {}
        self._errors = ""  # of the incremental learner since it last began anew, as 0 and 1
        self._begin()

    def __len__(self) -> int:
        return len(self._signs)

    def learn(self, annotation_id: str, vector: NDArray[np.float32], sign: int) -> None:
        """Asks the learners, then teaches them; `sign` is 1 or -1."""
        for name in NAMES:
            model = self.model(name)
            if model is not None:
                self.prequential[name].note(sign, (model.score(vector) >= 0) == (sign > 0))
        missed = "0" if (self._score(vector) >= 0) == (sign > 0) else "1"
        self._vectors.append(vector)
        self._signs.append(sign)
        self.version = hashlib.sha256(f"{self.version} {annotation_id} {sign}".encode()).hexdigest()[:16]
        self._teach(len(self._signs) - 1)
        self._watch(missed)
        if self._refit_is_due():
            vectors, signs = np.stack(self._vectors), np.array(self._signs)
            self._fitted["refitted"] = refit(vectors, signs)
            self._fitted["logistic"] = logistic(vectors, signs, self._prior, balanced=True)

    def model(self, name: Name) -> LinearModel | None:
        """A learner as it stands; None where it has not seen both signs."""
        if len(set(self._signs)) < 2:
            return None
        if name != "incremental":
            return self._fitted.get(name)
        held = self._river.weights
        weights = np.array([held.get(at, 0.0) for at in range(len(self._vectors[0]))], dtype=np.float64)
        return LinearModel(weights, float(self._river.intercept))

    @property
    def serving(self) -> Name | Literal["none"]:
        """Which learner predicts: the first, unless another foresees clearly better by now."""
        if not self._fitted:
            return "none"
        first, best = NAMES[0], max(NAMES, key=lambda name: self.prequential[name].now)
        better = self.prequential[best].now > self.prequential[first].now + MARGIN
        return best if better and len(self) >= FEWEST else first

    @property
    def served(self) -> LinearModel | None:
        serving = self.serving
        return None if serving == "none" else self.model(serving)

    def state(self) -> dict[str, Any]:
        """All but the examples themselves: what a restart needs to go on where this stands."""
        dimensions = len(self._vectors[0]) if self._vectors else 0
        held = self._river.weights
        return {
            "version": self.version,
            "labels": len(self),
            "drifts": self.drifts,
            "errors": self._errors,
            "weights": packed(np.array([held.get(at, 0.0) for at in range(dimensions)], dtype=np.float64)),
            "intercept": float(self._river.intercept),
            "steps": int(self._river.optimizer.n_iterations),
            "begun": self._begun,
            "fitted": {name: model.told() for name, model in self._fitted.items()},
            "foresight": {name: self.prequential[name].state() for name in NAMES},
        }

    @classmethod
    def restored(
        cls,
        state: Mapping[str, Any],
        vectors: list[NDArray[np.float32]],
        signs: list[int],
        prior: LinearModel | None = None,
    ) -> Learner:
        """The learner that `state` was taken of, with the examples that it had learned, in their order."""
        from stormpetrel.learning.training.linear_model import unpacked

        made = cls(prior)
        made.version, made.drifts = str(state["version"]), int(state["drifts"])
        made._vectors, made._signs = list(vectors), list(signs)
        made._begin()
        made._begun = int(state["begun"])
        weights = unpacked(str(state["weights"]))
        # River gives its weights the keys of the examples that it saw.
        made._river._weights = type(made._river._weights)(dict(enumerate(weights.tolist())))
        made._river.intercept = float(state["intercept"])
        made._river.optimizer.n_iterations = int(state["steps"])
        made._errors = str(state["errors"])
        for missed in made._errors:
            made._drift.update(missed == "1")
        made._fitted = {name: LinearModel.read(state["fitted"][name]) for name in NAMES if name in state["fitted"]}
        made.prequential = {name: PrequentialScore.restored(state["foresight"][name]) for name in NAMES}
        return made

    def _begin(self) -> None:
        from river import drift, linear_model, optim

        self._river = linear_model.LogisticRegression(optimizer=optim.SGD(RATE), intercept_lr=RATE / 10)
        self._drift = drift.binary.DDM()
        self._begun = len(self._signs)
        self._errors = ""

    def _score(self, vector: NDArray[np.float32]) -> float:
        model = self.model("incremental")
        return model.score(vector) if model else 0.0

    def _teach(self, row: int) -> None:
        """One step; the rarer sign of what was learned so far weighs as much as the other."""
        sign, learned = self._signs[row], self._signs[: row + 1]
        weight = len(learned) / (2 * learned.count(sign))
        example = dict(enumerate(self._vectors[row].astype(np.float64).tolist()))
        self._river.learn_one(example, sign > 0, w=weight)

    def _watch(self, missed: str) -> None:
        self._errors += missed
        self._drift.update(missed == "1")
        if self._drift.drift_detected:
            self.drifts += 1
            self._begin()
            for row in range(max(0, len(self._signs) - WINDOW), len(self._signs)):
                self._teach(row)

    def _refit_is_due(self) -> bool:
        count = len(self._signs)
        if len(set(self._signs)) < 2:
            return False
        return not self._fitted or count <= REFIT_EACH or count % (count // 50) == 0


def load_learners() -> None:
    """Loads the libraries that learners are made with; otherwise a process's first label waits seconds for them."""
    learner = Learner()
    for sign in (1, -1):
        learner.learn("", np.array([sign, 1], dtype=np.float32), sign)


def refit(vectors: NDArray[np.float32], signs: NDArray[np.int_]) -> LinearModel:
    """A linear support vector machine (C = 1, balanced) of all examples, both signs among them."""
    from sklearn.svm import SVC

    made = SVC(kernel="linear", C=1.0, class_weight="balanced").fit(vectors.astype(np.float64), signs)
    weights: Float64 = (made.dual_coef_ @ vectors[made.support_].astype(np.float64))[0]
    return LinearModel(weights, float(made.intercept_[0]))
