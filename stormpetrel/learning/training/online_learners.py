"""The stream's three learners of a label, and which of them predicts best.

The *logistic* one is the label's model, the one that rounds of active learning rank with (`label_model`). Two
challengers learn beside it: the *refitted* one is a linear support vector machine of all labels; the *incremental* one
is River's logistic regression, which learns each label as it comes; where its errors rise (DDM: Gama et al. 2004) it
begins anew from the newest labels. All predict each label before they learn it (prequential evaluation: Gama et al.
2013). The same labels in the same order give the same models, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stormpetrel.learning.training.examples import Float32
from stormpetrel.learning.training.label_model import balanced_threshold, initial_version, next_version
from stormpetrel.learning.training.linear_model import Float64, LinearModel, pack, unpack
from stormpetrel.learning.training.relevance_model import fit_logistic

LEARNING_RATE = 0.5
REFIT_EACH = 200  # labels up to which the models are refitted at each; beyond it after every further 2 %
WINDOW = 50  # labels that the incremental learner begins anew with after a drift
MINIMUM_LABELS = 50  # before a challenger may serve
MARGIN = 0.05  # of balanced accuracy by which a challenger must be better: a smaller lead is chance, and serves worse
FADING = 0.98  # of a prequential score from label to label: what counts is how the learner does now
Name = Literal["logistic", "refitted", "incremental"]
NAMES: tuple[Name, ...] = ("logistic", "refitted", "incremental")  # the first serves unless another is clearly better


@dataclass
class PrequentialScore:
    """How well a learner predicted labels before it learned them: counts, and fading accuracies of each sign."""

    seen: dict[str, int] = field(default_factory=lambda: {"1": 0, "-1": 0})
    hits: dict[str, int] = field(default_factory=lambda: {"1": 0, "-1": 0})
    fading: dict[str, float] = field(default_factory=lambda: {"1": 0.5, "-1": 0.5})

    def note(self, sign: int, correct: bool) -> None:
        side = str(sign)
        self.seen[side] += 1
        self.hits[side] += correct
        self.fading[side] = FADING * self.fading[side] + (1 - FADING) * correct

    @property
    def now(self) -> float:
        """The fading balanced accuracy."""
        return (self.fading["1"] + self.fading["-1"]) / 2

    def summary(self) -> dict[str, Any]:
        seen, hits = sum(self.seen.values()), sum(self.hits.values())
        shares = [self.hits[side] / self.seen[side] for side in self.seen if self.seen[side]]
        return {
            "labels": seen,
            "accuracy": round(hits / seen, 6) if seen else None,
            "balanced_accuracy": round(sum(shares) / len(shares), 6) if shares else None,
            "now": round(self.now, 6),
        }


class Learner:
    """The learners of one label of posts. `version` is that of the label's model."""

    def __init__(self, prior: LinearModel | None = None) -> None:
        self._prior = prior
        self.version = initial_version(prior)
        self.drifts = 0
        self.prequential: dict[Name, PrequentialScore] = {name: PrequentialScore() for name in NAMES}
        self._vectors: list[Float32] = []
        self._signs: list[int] = []
        self._fitted: dict[Name, LinearModel] = {}
        self._errors = ""  # of the incremental learner since it last began anew, as 0 and 1
        self._begin()

    def __len__(self) -> int:
        return len(self._signs)

    def learn(self, vector: Float32, sign: int) -> None:
        """Lets the learners predict an example, then trains them with it; `sign` is 1 or -1."""
        for name in NAMES:
            if model := self.model(name):
                self.prequential[name].note(sign, (model.score(vector) >= 0) == (sign > 0))
        incremental = self.model("incremental")
        is_wrong = ((incremental.score(vector) if incremental else 0.0) >= 0) != (sign > 0)
        self._vectors.append(vector)
        self._signs.append(sign)
        self.version = next_version(self.version, vector, sign)
        self._learn_row(len(self._signs) - 1)
        self._watch_drift(is_wrong)
        if len(set(self._signs)) == 2 and (not self._fitted or self._refit_is_due()):
            machine = fit_linear_svm(np.stack(self._vectors), np.array(self._signs))
            self._fitted = {"logistic": self._logistic(), "refitted": machine}

    def model(self, name: Name) -> LinearModel | None:
        """A learner as it stands; None where it has not seen both signs."""
        if len(set(self._signs)) < 2 or name != "incremental":
            return self._fitted.get(name)
        return LinearModel(self._river_weights(), float(self._river.intercept))

    @property
    def serving(self) -> Name | Literal["none"]:
        """Which learner serves: the first, unless another predicts clearly better by now."""
        if not self._fitted:
            return "none"
        first, best = NAMES[0], max(NAMES, key=lambda name: self.prequential[name].now)
        is_better = self.prequential[best].now > self.prequential[first].now + MARGIN
        return best if is_better and len(self) >= MINIMUM_LABELS else first

    @property
    def served(self) -> LinearModel | None:
        """The model that serves. The logistic one has learned every label, whenever it was last refitted."""
        if (serving := self.serving) == "none":
            return None
        return self._logistic() if serving == "logistic" and not self._refit_is_due() else self.model(serving)

    def state(self) -> dict[str, Any]:
        """All but the examples themselves: what a restart needs to go on where this stands."""
        return {
            "version": self.version,
            "drifts": self.drifts,
            "errors": self._errors,
            "weights": pack(self._river_weights()),
            "intercept": float(self._river.intercept),
            "steps": int(self._river.optimizer.n_iterations),
            "fitted": {name: model.fields() for name, model in self._fitted.items()},
            "prequential": {name: asdict(self.prequential[name]) for name in NAMES},
        }

    @classmethod
    def restored(
        cls, state: Mapping[str, Any], vectors: list[Float32], signs: list[int], prior: LinearModel | None = None
    ) -> Learner:
        """The learner that `state` was taken of, with the examples that it had learned, in their order."""
        learner = cls(prior)
        learner.version, learner.drifts = str(state["version"]), int(state["drifts"])
        learner._vectors, learner._signs = list(vectors), list(signs)
        # River gives its weights the keys of the examples that it saw.
        weights = dict(enumerate(unpack(str(state["weights"])).tolist()))
        learner._river._weights = type(learner._river._weights)(weights)
        learner._river.intercept = float(state["intercept"])
        learner._river.optimizer.n_iterations = int(state["steps"])
        learner._errors = str(state["errors"])
        for error in learner._errors:
            learner._drift.update(error == "1")
        learner._fitted = {name: LinearModel.from_fields(fields) for name, fields in state["fitted"].items()}
        learner.prequential = {name: PrequentialScore(**deepcopy(state["prequential"][name])) for name in NAMES}
        return learner

    def _begin(self) -> None:
        from river import drift, linear_model, optim

        self._river = linear_model.LogisticRegression(optim.SGD(LEARNING_RATE), intercept_lr=LEARNING_RATE / 10)
        self._drift = drift.binary.DDM()
        self._errors = ""

    def _river_weights(self) -> Float64:
        weights, dimensions = self._river.weights, len(self._vectors[0]) if self._vectors else 0
        return np.array([weights.get(at, 0.0) for at in range(dimensions)], dtype=np.float64)

    def _logistic(self) -> LinearModel:
        """The label's model of all examples; the stream's threshold counts both signs alike."""
        vectors, signs = np.stack(self._vectors), np.array(self._signs)
        model = fit_logistic(vectors, signs, self._prior)
        return model.above(balanced_threshold(model, vectors, signs))

    def _learn_row(self, row: int) -> None:
        """One step; the rarer sign of what was learned so far weighs as much as the other."""
        sign, signs = self._signs[row], self._signs[: row + 1]
        example = dict(enumerate(self._vectors[row].astype(np.float64).tolist()))
        self._river.learn_one(example, sign > 0, w=len(signs) / (2 * signs.count(sign)))

    def _watch_drift(self, is_wrong: bool) -> None:
        self._errors += "1" if is_wrong else "0"
        self._drift.update(is_wrong)
        if self._drift.drift_detected:
            self.drifts += 1
            self._begin()
            for row in range(max(0, len(self._signs) - WINDOW), len(self._signs)):
                self._learn_row(row)

    def _refit_is_due(self) -> bool:
        return len(self) <= REFIT_EACH or len(self) % (len(self) // 50) == 0


def load_learners() -> None:
    """Loads the libraries that learners need; otherwise a process's first label waits seconds for them."""
    learner = Learner()
    for sign in (1, -1):
        learner.learn(np.array([sign, 1], dtype=np.float32), sign)


def fit_linear_svm(vectors: Float32, signs: NDArray[np.int_]) -> LinearModel:
    """A linear support vector machine (C = 1, balanced) of all examples, both signs among them."""
    from sklearn.svm import SVC

    machine = SVC(kernel="linear", C=1.0, class_weight="balanced").fit(vectors.astype(np.float64), signs)
    weights: Float64 = (machine.dual_coef_ @ vectors[machine.support_].astype(np.float64))[0]
    return LinearModel(weights, float(machine.intercept_[0]))
