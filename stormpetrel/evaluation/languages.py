"""`eval languages`: judged questions in one language over the posts of another, beside the same question in English.

Questions whose ids agree up to the last hyphen (`e03-it`, `e03-en`) are one question in several languages. The search
is the product's default one, narrowed to posts of one language.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.event_folds import event_keys
from stormpetrel.evaluation.measures import average_precision
from stormpetrel.evaluation.modalities import Collection
from stormpetrel.evaluation.questions import Question, ReadQuestion
from stormpetrel.evaluation.retrieval import MAP_DEPTH
from stormpetrel.evaluation.test_collections import LabelledPost
from stormpetrel.fusion import RankingWeights
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.gloss.gloss import Glosser
from stormpetrel.posts.gloss.lexicon import ENGLISH
from stormpetrel.posts.text.clean import clean
from stormpetrel.search.query import Query
from stormpetrel.search.search import Learned, PostSearch

FEWEST_POSTS = 100  # of a language that is told apart: of fewer, most are wrongly detected
FEWEST_QUESTIONS = 5  # with an answer among the posts of a language, or the pair is left out


class Pair(NamedTuple):
    """The language of questions, and that of the posts they are asked over."""

    question: str
    post: str

    def __str__(self) -> str:
        return f"{self.question}->{self.post}"


def evaluate_languages(
    questions: Sequence[ReadQuestion],
    posts: Sequence[LabelledPost],
    collection: Collection,
    encoder: Encoder,
    glosser: Glosser,
    say: Callable[[str], None] = lambda _: None,
    weights: RankingWeights | None = None,
) -> dict[str, Any]:
    """The report: mean average precision of the first 100 and the count of questions, for each pair of languages.

    `mean_cross` is the mean over the pairs of two languages whose question is not English, `mean_english` that of the
    same questions asked in English over the same posts, `mean_same` that of the pairs of one language. `coverage` is
    the share of a language's running words, names among them, that the word list knows. Raises SetupError where no
    pair has `FEWEST_QUESTIONS` answered questions.
    """
    counts = Counter(post.language for post in posts)
    languages = sorted(language for language, count in counts.items() if count >= FEWEST_POSTS)
    say(f"posts in {', '.join(languages)}")
    precisions = _precisions(questions, posts, collection, encoder, languages, weights)
    pairs = {pair: by_id for pair, by_id in sorted(precisions.items()) if len(by_id) >= FEWEST_QUESTIONS}
    if not pairs:
        raise SetupError(f"no language has {FEWEST_QUESTIONS} questions that its posts answer: give more questions")
    cross = [pair for pair in pairs if pair.question not in (pair.post, ENGLISH)]
    report = {str(pair): _scores(by_id.values()) for pair, by_id in pairs.items()}
    same = {pair: report[str(pair)] for pair in pairs if pair.question == pair.post}
    return {
        "pairs": {name: scores for name, scores in report.items() if name not in map(str, same)},
        "same_language": {str(pair): scores for pair, scores in same.items()},
        "mean_cross": _mean(report[str(pair)]["map"] for pair in cross),
        "mean_english": _mean(filter(None, (_in_english(pair, pairs) for pair in cross))),
        "mean_same": _mean(scores["map"] for scores in same.values()),
        "coverage": coverage([post for post in posts if post.language in languages], glosser),
    }


def _precisions(
    questions: Sequence[ReadQuestion],
    posts: Sequence[LabelledPost],
    collection: Collection,
    encoder: Encoder,
    languages: Sequence[str],
    weights: RankingWeights | None,
) -> dict[Pair, dict[str, float]]:
    """For each pair, the average precision of each question that the posts answer, by the question's own name."""
    vectors = encoder.encode([clean(question.text) or question.text for question, _ in questions])
    precisions: defaultdict[Pair, dict[str, float]] = defaultdict(dict)
    for (question, plain), vector in zip(questions, vectors, strict=True):
        events = event_keys(question.relevant.event or ())
        search = PostSearch(collection, "", Learned(weights.without(events) if weights else None))
        for language in languages:
            query = _narrowed(replace(plain, text=vector), language)
            relevant = _relevant(question, query, posts, collection)
            if relevant:
                hits = [item.id in relevant for item in search.run(query).items]
                name = question.id.rpartition("-")[0] or question.id
                precisions[Pair(question.lang, language)][name] = average_precision(hits, len(relevant), MAP_DEPTH)
    return precisions


def _narrowed(query: Query, language: str) -> Query:
    return replace(query, filter=replace(query.filter, any_of={**query.filter.any_of, "language": [language]}))


def _relevant(
    question: Question, query: Query, posts: Sequence[LabelledPost], collection: Collection
) -> frozenset[str]:
    rows = np.flatnonzero(collection.within(query.filter))
    return frozenset(collection.name(row) for row in rows.tolist() if question.relevant.fits(posts[row]))


def _in_english(pair: Pair, pairs: Mapping[Pair, Mapping[str, float]]) -> float | None:
    """The mean of the pair's questions, asked in English over its posts; None where none was."""
    english = pairs.get(Pair(ENGLISH, pair.post), {})
    same = [english[name] for name in pairs[pair] if name in english]
    return float(np.mean(same)) if same else None


def coverage(posts: Sequence[LabelledPost], glosser: Glosser) -> dict[str, float]:
    """The share of running words that the list knows, for each language of the list."""
    known, seen = Counter[str](), Counter[str]()
    for post in posts:
        if post.language in glosser.lexicon.languages:
            gloss = glosser.gloss(post.text)
            known[post.language] += gloss.known
            seen[post.language] += gloss.seen
    return {language: round(known[language] / count, 4) for language, count in sorted(seen.items()) if count}


def _scores(precisions: Iterable[float]) -> dict[str, Any]:
    values = list(precisions)
    return {"map": _mean(values), "n": len(values)}


def _mean(values: Iterable[float]) -> float | None:
    some = list(values)
    return round(float(np.mean(some)), 4) if some else None
