"""Runs trained spaCy pipelines over posts: the English one, the one for all other languages, or one of the user's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from stormpetrel.posts.places.tagger.post_words import Span, characters_of
from stormpetrel.posts.places.tagger.window_network import WindowNetwork

if TYPE_CHECKING:  # they import spaCy, which `pipeline.py` imports in its own way
    from stormpetrel.posts.places.tagger.gazetteer_features import GazetteerFeatures
    from stormpetrel.posts.places.tagger.language_features import LanguageFeatures

BATCH = 64
# The time of a pipeline grows with the square of a run without spaces: every 201st character of one is read as a space.
LONG_RUN = re.compile(r"(\S{200})\S")
RUNS = re.compile(r"\s+|\S+")
CACHE_SIZE = 20_000  # runs without spaces, with their words
# What the pipelines read of a word; spaCy works out a dozen more attributes of each new one.
WORD_ATTRIBUTES = ("LOWER", "NORM", "SHAPE", "PREFIX", "SUFFIX", "IS_SPACE")


class Tagger(Protocol):
    """Finds the names of places in texts."""

    def spans(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[list[Span]]:
        """The spans of the names in each text, in its characters and its order."""
        ...


class AnyTagger:
    """A pipeline that sets entities, with its own tokenizer."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def spans(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[list[Span]]:
        # Without the zone, spaCy keeps every word that it ever read: 80 MB after 4,000 posts of new words.
        with self._pipeline.memory_zone():
            documents = self._pipeline.pipe(self._documents(texts, languages), batch_size=BATCH)
            return [self._spans(document) for document in documents]

    def _documents(self, texts: Sequence[str], languages: Sequence[str | None]) -> Iterator[Any]:
        yield from (LONG_RUN.sub(r"\1 ", text) for text in texts)

    def _spans(self, doc: Any) -> list[Span]:
        return [(entity.start_char, entity.end_char) for entity in doc.ents if entity.text.strip()]


class EnglishTagger:
    """The project's English pipeline, computed by `WindowNetwork`. Its tokenizer cuts each run without spaces alike
    wherever it stands, so the words of a run are kept: the tokenizer takes a third of the time otherwise."""

    def __init__(self, pipeline: Any, features: GazetteerFeatures, network: WindowNetwork) -> None:
        self._pipeline, self._features, self._network = pipeline, features, network
        self._words_of: dict[str, tuple[str, ...]] = {}
        _read_fewer_attributes(pipeline.vocab)

    def spans(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[list[Span]]:
        """The spans of the names in each text."""
        rows = list(self.words([LONG_RUN.sub(r"\1 ", text) for text in texts]))
        documents = [list(zip(words, self._features.features(words), strict=True)) for words, _ in rows]
        names = self._network.spans(documents)
        return [
            [_characters(words, spaces, start, end) for start, end in of_text]
            for (words, spaces), of_text in zip(rows, names, strict=True)
        ]

    def words(self, texts: Sequence[str]) -> Iterator[tuple[list[str], list[bool]]]:
        """(the words of a text, whether a space follows each), as the pipeline's own tokenizer gives them, for each."""
        runs = [RUNS.findall(text) for text in texts]
        self._cut(chain.from_iterable(runs))
        return map(self._joined, runs)

    def _cut(self, runs: Iterable[str]) -> None:
        """Keeps the words of the runs that are not kept yet: one call of the tokenizer for all of them."""
        if len(self._words_of) > CACHE_SIZE:
            self._words_of.clear()
        missing = [run for run in dict.fromkeys(runs) if run not in self._words_of and not run.isspace()]
        if not missing:
            return
        with self._pipeline.memory_zone():  # as in `AnyTagger`
            words = iter([token.text for token in self._pipeline.tokenizer(" ".join(missing))])
        for run in missing:
            cut, length = [], 0
            while length < len(run):
                cut.append(next(words))
                length += len(cut[-1])
            self._words_of[run] = tuple(cut)

    def _joined(self, runs: Sequence[str]) -> tuple[list[str], list[bool]]:
        words: list[str] = []
        spaces: list[bool] = []
        for run in runs:
            if not run.isspace():
                cut = self._words_of[run]
            elif words and run[0] == " ":
                spaces[-1] = True
                cut = (run[1:],) if len(run) > 1 else ()
            else:
                cut = (run,)
            words += cut
            spaces += [False] * len(cut)
        return words, spaces


class LanguageTagger:
    """The project's pipeline for all languages but English, computed by `WindowNetwork`."""

    def __init__(self, pipeline: Any, features: LanguageFeatures, network: WindowNetwork) -> None:
        self._pipeline, self._features, self._network = pipeline, features, network
        _read_fewer_attributes(pipeline.vocab)

    def spans(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[list[Span]]:
        """The spans of the names in each text."""
        rows = [self._features.words(text, language) for text, language in zip(texts, languages, strict=True)]
        names = self._network.spans([words for words, _ in rows])
        return [
            [characters_of([word for word, *_ in words], spans, start, end) for start, end in of_text]
            for (words, spans), of_text in zip(rows, names, strict=True)
        ]


class LanguagePipeline(AnyTagger):
    """A pipeline of another architecture that was trained on documents of `LanguageFeatures`."""

    def __init__(self, pipeline: Any, features: LanguageFeatures) -> None:
        super().__init__(pipeline)
        self._features = features

    def _documents(self, texts: Sequence[str], languages: Sequence[str | None]) -> Iterator[Any]:
        for text, language in zip(texts, languages, strict=True):
            yield self._features.document(self._pipeline.vocab, text, language)

    def _spans(self, doc: Any) -> list[Span]:
        from stormpetrel.posts.places.tagger.language_features import spans_of

        return list(spans_of(doc))


class TaggerByLanguage:
    """Two taggers: one for English and for texts whose language is not known, one for all other languages."""

    def __init__(self, english: Tagger, others: Tagger) -> None:
        self._english, self._others = english, others

    def spans(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[list[Span]]:
        """The spans of the names in each text, by the tagger of its language."""
        spans: list[list[Span]] = [[] for _ in texts]
        for tagger, is_english in ((self._english, True), (self._others, False)):
            rows = [row for row, language in enumerate(languages) if (language in (None, "en")) is is_english]
            if rows:
                tagged = tagger.spans([texts[row] for row in rows], [languages[row] for row in rows])
                for row, found in zip(rows, tagged, strict=True):
                    spans[row] = found
        return spans


def _characters(words: Sequence[str], spaces: Sequence[bool], start: int, end: int) -> Span:
    """The span of the words from `start` to `end`, in characters."""
    before = sum(map(len, words[:start])) + sum(spaces[:start])
    return before, before + sum(map(len, words[start:end])) + sum(spaces[start : end - 1])


def _read_fewer_attributes(vocab: Any) -> None:
    from spacy.attrs import IDS

    numbers = {IDS[name] for name in WORD_ATTRIBUTES}
    for number in set(vocab.lex_attr_getters) - numbers:
        del vocab.lex_attr_getters[number]
