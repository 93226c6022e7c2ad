"""What was learned from labelled posts and ships in `config/`: fusion weights, relevance to a query, and a prior."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

from stormpetrel.core.embedding_spec import same_vectors
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.settings import CONFIG_DIRECTORY, Settings
from stormpetrel.fusion import RankingWeights
from stormpetrel.learning.training.relevance_model import Prior
from stormpetrel.search.relevance import Relevance
from stormpetrel.search.search import Learned

log = structlog.get_logger()
Model = TypeVar("Model")
FUSION_FILE = CONFIG_DIRECTORY / "fusion_weights.json"
RELEVANCE_FILE = CONFIG_DIRECTORY / "relevance_of_query.json"
PRIOR_FILE = CONFIG_DIRECTORY / "relevance_prior.json"


def learned_ranking(text_model: str) -> Learned:
    """What was learned of fusion and of relevance for the text model of this version."""
    weights = ranking_weights(text_model)
    return Learned(weights.fusion if weights else None, query_relevance(text_model))


def ranking_weights(text_model: str) -> RankingWeights | None:
    """The weights of the learned tensor; None where they were learned with another text model than this version, or
    are not there."""
    weights = opened_or_error(lambda: RankingWeights.load(FUSION_FILE), "the plain tensor serves")
    return weights if isinstance(weights, RankingWeights) and same_vectors(weights.text_model, text_model) else None


def query_relevance(text_model: str) -> Relevance | None:
    """Relevance to a query; None where it was learned with another text model than this version, or is not there."""
    relevance = opened_or_error(lambda: Relevance.load(RELEVANCE_FILE), "hits have no relevance")
    return relevance.for_model(text_model) if isinstance(relevance, Relevance) else None


def relevance_prior(settings: Settings) -> Prior | None:
    """What other events teach of the posts of a new one; None where it is of another text model than the configured
    one, or not there."""
    prior = opened_or_error(lambda: Prior.load(PRIOR_FILE), "posts are judged without a prior")
    return prior if isinstance(prior, Prior) and prior.text_model == settings.text_model.name else None


def opened_or_error(open_model: Callable[[], Model], consequence: str) -> Model | ModelUnavailable:
    """What `open_model` gives; where it is missing, the error, which the log has with what follows from it."""
    try:
        return open_model()
    except ModelUnavailable as error:
        log.warning(consequence, reason=str(error))
        return error
