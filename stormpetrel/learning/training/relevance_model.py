"""The regression that tells the posts of a label from others: what people annotated, beside what other events teach.

It is a logistic regression of the text vector and, where the label has a prior, of the prior's log odds: a linear model
that was learned from whole labelled events before this one. Folded together they are one linear model again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.embedding_spec import model_name
from stormpetrel.core.errors import MalformedRecord, ModelUnavailable
from stormpetrel.learning.training.examples import Float32, Signs
from stormpetrel.learning.training.linear_model import LinearModel

PENALTY = 3.0  # scikit-learn's C, of unit text vectors beside log odds
PENALTY_OF_PRIOR = 1.0
REMEDY = "Learn it: stormpetrel train relevance --data DIR"


@dataclass(frozen=True)
class Prior:
    """What other events teach of a label, in the space of one text model. `learned_from` names the events.

    The word list that glosses texts may change: English ones keep their vectors, and others come nearer to them.
    """

    label: str
    text_model: str
    model: LinearModel
    learned_from: tuple[str, ...] = ()

    def save(self, file: Path) -> None:
        fields = {"label": self.label, "text_model": self.text_model, "learned_from": self.learned_from}
        file.write_text(json.dumps({**fields, **self.model.fields()}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Prior:
        """Raises ModelUnavailable where the file is missing or is not one that `save` wrote."""
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            events = tuple(str(name) for name in fields["learned_from"])
            return cls(str(fields["label"]), str(fields["text_model"]), LinearModel.from_fields(fields), events)
        except (OSError, ValueError, KeyError, TypeError, MalformedRecord) as error:
            raise ModelUnavailable(f"no prior of relevance in {file}: {error!r}. {REMEDY}") from error


def learn_prior(events: Sequence[tuple[Float32, NDArray[np.bool_]]]) -> LinearModel:
    """From (unit text vectors, whether each post belongs) of whole labelled events; in each, both sides count alike."""
    from sklearn.linear_model import LogisticRegression

    vectors = np.vstack([vectors for vectors, _ in events]).astype(np.float64)
    truth = np.concatenate([truth for _, truth in events])
    shares = np.concatenate([np.where(is_, 1 / max(1, is_.sum()), 1 / max(1, (~is_).sum())) for _, is_ in events])
    regression = LogisticRegression(C=PENALTY_OF_PRIOR, max_iter=500)
    regression.fit(vectors, truth, sample_weight=shares * len(shares) / shares.sum())
    return LinearModel(regression.coef_[0].astype(np.float64), float(regression.intercept_[0]))


def fit_logistic(vectors: Float32, signs: NDArray[np.int_] | Signs, prior: LinearModel | None) -> LinearModel:
    """The regression of examples (n, dimensions) with signs 1 and -1, both among them. The same examples in the same
    order give the same model, bit for bit."""
    from sklearn.linear_model import LogisticRegression

    features = vectors.astype(np.float64)
    if prior is not None:
        features = np.column_stack([features, features @ prior.weights + prior.intercept])
    regression = LogisticRegression(C=PENALTY, solver="liblinear", dual=True, max_iter=2000, random_state=0)
    regression.fit(features, signs)
    weights, intercept = regression.coef_[0].astype(np.float64), float(regression.intercept_[0])
    if prior is None:
        return LinearModel(weights, intercept)
    share = float(weights[-1])
    return LinearModel(weights[:-1] + share * prior.weights, intercept + share * prior.intercept)


def prior_for(prior: Prior | None, kind: str, label: str, vector_model: str | None) -> LinearModel | None:
    """What is known of a label before anybody annotates; `kind` is posts or patches. None where the examples' vectors
    are of another text model than the prior (`vector_model` is None where there are no examples)."""
    if prior is None or kind != "posts" or label != prior.label:
        return None
    return prior.model if vector_model is None or model_name(vector_model) == prior.text_model else None
