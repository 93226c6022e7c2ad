"""How well place names are recognised in ten languages: on `config/place_sentences/`, from which nothing learns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stormpetrel.core.errors import SetupError
from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.evaluation.place_scores import SpanTally
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.tagger.labelled_mentions import LabelledPost, read_recognition
from stormpetrel.posts.places.tagger.pipeline import load_tagger
from stormpetrel.posts.places.tagger.recogniser import PlaceRecogniser
from stormpetrel.posts.places.tagger.tagger_files import was_trained_on
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.language import detect

SENTENCES = CONFIG_DIRECTORY / "place_sentences"


def sentence_report(gazetteer: Gazetteer, tagger: Path, folder: Path = SENTENCES) -> dict[str, dict[str, Any]]:
    """{language: scores} of a tagger beside the gazetteer, on the sentences of a folder. Raises SetupError where it has
    none, or where the tagger has learned from them."""
    sentences = read_recognition(folder)
    learned = sorted(language for language, chosen in _by_language(sentences).items() if was_trained_on(tagger, chosen))
    if learned:
        raise SetupError(
            f"{tagger} has learned from sentences of {folder} ({', '.join(learned)}); train it without them"
        )
    return language_scores(sentences, PlaceRecogniser(gazetteer, load_tagger(tagger, gazetteer)))


def language_scores(sentences: Sequence[LabelledPost], recogniser: PlaceRecogniser) -> dict[str, dict[str, Any]]:
    """By language: precision, recall and F1 of exact spans where the recogniser is told the language, F1 where it goes
    by the language that is detected, as the stream does (`f1_detected`), and the number of sentences (`n`) and names.

    Places inside hashtags count like others.
    """
    report = {}
    for language, chosen in _by_language(sentences).items():
        scores = _tally(chosen, [language] * len(chosen), recogniser).exact_scores()
        detected = [detect(clean(sentence.text))[0] for sentence in chosen]
        report[language] = {
            "precision": scores["p"],
            "recall": scores["r"],
            "f1": scores["f1"],
            "f1_detected": _tally(chosen, detected, recogniser).exact_scores()["f1"],
            "n": len(chosen),
            "names": sum(len(sentence.mentions) for sentence in chosen),
        }
    return report


def _by_language(sentences: Sequence[LabelledPost]) -> dict[str, list[LabelledPost]]:
    languages = sorted({sentence.language for sentence in sentences})
    return {language: [each for each in sentences if each.language == language] for language in languages}


def _tally(sentences: Sequence[LabelledPost], languages: Sequence[str], recogniser: PlaceRecogniser) -> SpanTally:
    tally = SpanTally()
    predicted = recogniser.find([sentence.text for sentence in sentences], languages)
    for sentence, mentions in zip(sentences, predicted, strict=True):
        spans = [(mention.start, mention.end) for mention in mentions]
        tally.add(spans, [(mention.start, mention.end) for mention in sentence.mentions])
    return tally
