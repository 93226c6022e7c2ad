"""Questions that people type, judged: their JSON lines, and how well the system's default search answers them.

A question is a search request of the product (text, place, time as filters), and says which posts are right: those of
given events and information types. The search runs as behind the API, with a test collection as its index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from pydantic import AwareDatetime, Field, ValidationError, model_validator

from stormpetrel.core.errors import BadQuery, SetupError
from stormpetrel.evaluation.calibration import calibration
from stormpetrel.evaluation.event_folds import event_keys
from stormpetrel.evaluation.modalities import Collection
from stormpetrel.evaluation.retrieval import LOST_FROM, MAP_DEPTH, MethodTally
from stormpetrel.evaluation.test_collections import LabelledPost
from stormpetrel.fusion import RankingWeights
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.gloss.gloss import Glosser
from stormpetrel.posts.text.clean import clean
from stormpetrel.search.filter_request import FilterRequest, Language
from stormpetrel.search.place_names import PlaceNames
from stormpetrel.search.plain_query import plain_query
from stormpetrel.search.query import Query
from stormpetrel.search.relevance import Relevance
from stormpetrel.search.request import Request, SearchRequest, Text, Words
from stormpetrel.search.search import Learned, PostSearch

MODALITIES = ("text", "lexical", "space")  # that a question has a part for; its times are filters
RRF = "rrf"


class Relevant(Request):
    """The posts that answer a question: those that fit every key that is given."""

    event: list[str] | None = Field(default=None, min_length=1)
    information_type: list[str] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if self.event is None and self.information_type is None:
            raise ValueError("every post would be relevant; give event, information_type, or both")
        return self

    def fits(self, post: LabelledPost) -> bool:
        return (self.event is None or post.event in self.event) and (
            self.information_type is None or post.class_name in self.information_type
        )


class Question(Request):
    """One line of a file of questions."""

    id: str = Field(min_length=1)
    text: Text
    lang: Language
    near: Words | None = None
    radius_km: float | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    relevant: Relevant

    def request(self) -> SearchRequest:
        """The question as the API takes it, with the default fusion. Raises ValidationError."""
        filters = FilterRequest(since=self.since, until=self.until)
        return SearchRequest(text=self.text, near=self.near, radius_km=self.radius_km, filters=filters)


class ReadQuestion(NamedTuple):
    """A question, and its query without the vector of its text."""

    question: Question
    query: Query


def read_questions(
    file: Path, posts: Sequence[LabelledPost], names: PlaceNames, list_depth: int, glosser: Glosser | None = None
) -> list[ReadQuestion]:
    """The questions of a file of JSON lines; blank lines are passed over.

    Raises SetupError, with the number of the line, for what is no question, for an id that comes twice, and for an
    event, an information type or a place that is unknown.
    """
    known = {"event": {post.event for post in posts}, "information_type": {post.class_name for post in posts} - {""}}
    questions: dict[str, ReadQuestion] = {}
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            question = Question.model_validate_json(line)
            if question.id in questions:
                raise BadQuery("id", f"{question.id!r} stands on a line before", "Give each question an id of its own")
            for key, values in known.items():
                _check_known(key, getattr(question.relevant, key) or (), values)
            query = plain_query(question.request(), names, list_depth, glosser=glosser).query
        except (ValidationError, BadQuery) as error:
            fault = _fault(error) if isinstance(error, ValidationError) else str(error)
            raise SetupError(f"{file}, line {number}: {fault}") from error
        questions[question.id] = ReadQuestion(question, query)
    if not questions:
        raise SetupError(f"no questions in {file}: give JSON lines of id, text, lang and relevant")
    return list(questions.values())


def _check_known(key: str, named: Sequence[str], known: set[str]) -> None:
    for value in named:
        if value not in known:
            problem = f"no post of the data has {value!r}"
            raise BadQuery(f"relevant.{key}", problem, f"Give one of {', '.join(sorted(known)) or 'none: it has none'}")


REMEDIES = {
    "json_invalid": "it is no whole JSON object; write each question on one line",
    "missing": "it is missing; give it",
    "string_too_short": "it is empty; give words",
    "too_short": "it is empty; name one at least, or leave it out",
    "timezone_aware": "it has no zone; write it such as 2013-11-18T12:00:00Z",
    "extra_forbidden": f"there is no such field; the fields are {', '.join(Question.model_fields)}",
}


def _fault(error: ValidationError) -> str:
    first = error.errors()[0]
    message = REMEDIES.get(first["type"], first["msg"].removeprefix("Value error, "))
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {message}" if where else message


def evaluate_questions(
    questions: Sequence[ReadQuestion],
    posts: Sequence[LabelledPost],
    collection: Collection,
    encoder: Encoder,
    weights: RankingWeights | None = None,
    relevance: Relevance | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The report: mean average precision (of the first 100) and precision at 10 of the default fusion, over all
    questions and by language; the same mean of the best single list and of reciprocal rank fusion; and the share of
    questions on which the fusion loses more than .05 of average precision to that list.

    `weights` and `relevance` are those of the encoder's version; of a question's events, what was learned without
    them. `ece`, `brier` and `brier_base_rate` are of the relevance of the first 100 hits of each question, and None
    where relevance is unknown. A question that no post answers measures nothing: it is left out, and `say` names it.
    Raises SetupError where no question has an answer.
    """
    tallies = defaultdict[str, MethodTally](MethodTally)
    languages: list[str] = []
    unanswered: list[str] = []
    judged: list[tuple[float, bool]] = []
    vectors = encoder.encode([clean(question.text) or question.text for question, _ in questions])
    for (question, plain), vector in zip(questions, vectors, strict=True):
        inside = collection.within(plain.filter)
        right = [row for row, post in enumerate(posts) if inside[row] and question.relevant.fits(post)]
        relevant = frozenset(map(collection.name, right))
        if not relevant:
            unanswered.append(question.id)
            continue
        languages.append(question.lang)
        query = replace(plain, text=vector)
        events = event_keys(question.relevant.event or ())
        fusion = weights.without(events) if weights else None
        learned = Learned(fusion, relevance.without(events) if relevance else None)
        search = PostSearch(collection, "", learned)
        result = search.run(query)
        first = [item.id for item in result.items[:MAP_DEPTH] if item.id in result.relevance]
        judged += [(result.relevance[item], item in relevant) for item in first]
        items = {ranked.modality: ranked.items for ranked in result.lists}
        for name in MODALITIES:
            tallies[name].add(items.get(name, ()), relevant)
        tallies[RRF].add([item.id for item in search.fuse(replace(query, fusion=RRF), result.lists)], relevant)
        tallies["fused"].add([item.id for item in result.items], relevant)
    if unanswered:
        say(f"left out, since no post answers them: {', '.join(unanswered)}")
    if not languages:
        raise SetupError("no post of the data answers any of the questions: check their events, times and places")
    return _report(languages, tallies, judged)


def _report(
    languages: Sequence[str], tallies: dict[str, MethodTally], judged: Sequence[tuple[float, bool]]
) -> dict[str, Any]:
    fused, rrf = tallies["fused"], tallies[RRF]
    best = max(MODALITIES, key=lambda name: np.mean(tallies[name].ap))
    lost = np.asarray(fused.ap) < np.asarray(tallies[best].ap) - LOST_FROM

    def means(rows: Sequence[int]) -> dict[str, float]:
        return {"map": _mean(np.take(fused.ap, rows)), "p10": _mean(np.take(fused.p10, rows))}

    rows_of = {
        language: [row for row, each in enumerate(languages) if each == language] for language in sorted(set(languages))
    }
    return {
        "questions": len(languages),
        **means(range(len(languages))),
        "best_single": {"name": best, "map": _mean(tallies[best].ap)},
        "rrf": {"map": _mean(rrf.ap)},
        "lost_share": _mean(lost),
        **_reliability(judged),
        "by_language": {language: means(rows) for language, rows in rows_of.items()},
    }


def _reliability(judged: Sequence[tuple[float, bool]]) -> dict[str, float | None]:
    if not judged:
        return dict.fromkeys(("ece", "brier", "brier_base_rate"))
    probabilities, truth = np.array([each for each, _ in judged]), np.array([right for _, right in judged], dtype=bool)
    return {**calibration(probabilities, truth)}


def _mean(values: Any) -> float:
    return round(float(np.mean(values)), 4)
