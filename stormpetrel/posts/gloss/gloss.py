"""Texts in other languages as English words, one by one: what an English text model can read.

Words that the list lacks stay, and so do names, numbers, emoji, addresses and user names. No grammar, no
disambiguation: a word has one gloss. An English text stays as it is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from stormpetrel.posts.gloss.hashtags import tag_parts
from stormpetrel.posts.gloss.language_evidence import weigh_languages
from stormpetrel.posts.gloss.lexicon import ENGLISH, MOST_WORDS, Lexicon
from stormpetrel.posts.text.language import CERTAIN, DECLARED, UNDETERMINED, detect, likely, ranked_languages

MARKS = "\u0300-\u036f\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0962\u0963\u200c\u200d"  # inside words
LETTERS = rf"[^\W_][\w{MARKS}]*"
TOKEN = re.compile(rf"(?P<kept>(?:https?://|www\.)\S+|@[\w.]+)|(?P<tag>#[\w{MARKS}]+)|(?P<word>{LETTERS})")
SENTENCE = re.compile(r"(?<=[.!?…؟।])\s+|\s*[\n|]\s*")
MANY_WORDS = 6  # from which on a detector that is certain needs no other evidence
MOST_GLOSSED = 600  # words of a text; a text model reads fewer
UNSURE = 0.4  # probability up to which a text has no language: the next likely one may be as good
LEAST_WEIGHT = 0.05  # of a language whose words are looked for, and by whose rules a query is stemmed
ELIDING = frozenset({"it", "fr", "ca"})
LONGEST_ELISION = 5  # letters before the apostrophe: "dell'acqua"
REMEMBERED = 1024  # texts: a post's gloss is asked for by several steps
Weights = Mapping[str, float]


@dataclass(frozen=True)
class Gloss:
    """`text` in English words. `language` is what it was read as ("und": several, or none that has a list), with its
    `probability`; `words` are the English words that stand for others, in order; `known` of `seen` words were in the
    list or English."""

    text: str
    language: str
    probability: float
    words: tuple[str, ...] = ()
    known: int = 0
    seen: int = 0


class Glosser:
    """Glosses texts by a word list; a pure function of the text. Any thread may call it. The newest glosses and
    guesses of languages are remembered."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon, self.version = lexicon, lexicon.version
        self._remembered = lru_cache(REMEMBERED)(self._read)
        self._weighed = lru_cache(REMEMBERED)(self._weigh)

    def gloss(self, text: str, stated: str | None = None) -> Gloss:
        """The text in English words, read as of the `stated` language, or of those that it seems to be in. Takes time
        in proportion to its length, and never raises."""
        return self._remembered(text, stated or None)  # the same arguments, however it is called: one gloss a text

    def _read(self, text: str, stated: str | None) -> Gloss:
        if stated:
            return self._sentence(text, {stated: 1.0}, MOST_GLOSSED)
        ranked = dict(ranked_languages(text))
        language, probability = next(iter(ranked.items()), (UNDETERMINED, 0.0))
        words = [match["word"] for match in TOKEN.finditer(text) if match["word"]]
        readable = language == ENGLISH or language in self.lexicon.languages
        if probability >= CERTAIN and len(words) >= MANY_WORDS and readable:
            return self._sentence(text, {language: probability}, MOST_GLOSSED)
        pieces, left = [], MOST_GLOSSED
        for sentence in SENTENCE.split(text):
            piece = self._sentence(sentence, self._weights(sentence, ranked), left)
            left -= piece.seen
            pieces.append(piece)
        return _joined(pieces)

    def languages(self, text: str, most: int = 3) -> list[tuple[str, float]]:
        """The languages that a short text may be in with their probability, the likeliest first."""
        return list(self._weighed(text)[:most])

    def _weigh(self, text: str) -> tuple[tuple[str, float], ...]:
        words = [match["word"] for match in TOKEN.finditer(text) if match["word"]]
        return tuple(weigh_languages(words, dict(ranked_languages(text)), self.lexicon).items())

    def language(self, text: str, declared: str | None = None) -> tuple[str, float]:
        """The language of a text and its probability, as `detect` tells them; where that is not clear, by the words
        that each list knows too, and ("und", probability) where no language is likelier than `UNSURE`."""
        code, probability = detect(text, declared)
        ranked = dict(ranked_languages(text))
        if probability >= CERTAIN or not ranked:
            return code, probability
        if probability == DECLARED:
            ranked[code] = max(ranked.get(code, 0.0), DECLARED)
        words = [match["word"] for match in TOKEN.finditer(text) if match["word"]]
        weights = weigh_languages(words, ranked, self.lexicon)
        code, probability = next(iter(weights.items()), (code, probability))
        return code if probability > UNSURE else UNDETERMINED, round(min(probability, 1.0), 4)

    def _weights(self, sentence: str, ranked: Weights) -> Weights:
        words = [match["word"] for match in TOKEN.finditer(sentence) if match["word"]]
        if len(words) >= MANY_WORDS:
            ranked = dict(ranked_languages(sentence)) or ranked
        return weigh_languages(words, ranked, self.lexicon)

    def _sentence(self, text: str, weights: Weights, most: int) -> Gloss:
        language, probability = next(iter(weights.items()), (UNDETERMINED, 0.0))
        if language == ENGLISH and probability >= CERTAIN:
            count = len(TOKEN.findall(text)) if most else 0
            return Gloss(text, language, probability, (), count, count)
        likely = {code: weight for code, weight in weights.items() if weight >= LEAST_WEIGHT or code == language}
        return _SentenceGloss(self.lexicon, likely, most).of(text)


def glossed_words(glosser: Glosser | None, text: str, stated: str | None = None) -> tuple[str, ...]:
    """The English words that stand for words of the text; none without a word list."""
    return glosser.gloss(text, stated).words if glosser else ()


def stemming_languages(glosser: Glosser | None, text: str, stated: str | None = None) -> list[str]:
    """The languages by whose rules a query is stemmed, the likeliest first: the stated one; else those that it may be
    in by its detector and the word lists, without a list by the detector alone."""
    if stated:
        return [stated]
    if glosser is None:
        return likely(text)
    return [language for language, probability in glosser.languages(text) if probability >= LEAST_WEIGHT]


def _joined(pieces: Sequence[Gloss]) -> Gloss:
    """The sentences of a text as one; its language is theirs where all have one."""
    languages = {piece.language for piece in pieces if piece.seen}
    language = languages.pop() if len(languages) == 1 else UNDETERMINED
    return Gloss(
        " ".join(piece.text for piece in pieces if piece.text),
        language,
        min((piece.probability for piece in pieces if piece.seen), default=0.0) if language != UNDETERMINED else 0.0,
        tuple(word for piece in pieces for word in piece.words),
        sum(piece.known for piece in pieces),
        sum(piece.seen for piece in pieces),
    )


class _SentenceGloss:
    """One sentence, in languages with a probability each."""

    def __init__(self, lexicon: Lexicon, weights: Weights, most: int) -> None:
        self._lexicon, self._weights, self._left = lexicon, weights, most
        self._foreign = [language for language in weights if language != ENGLISH]
        self._words: list[str] = []
        self._known = self._seen = 0

    def of(self, text: str) -> Gloss:
        parts, end, tokens = [], 0, list(TOKEN.finditer(text))
        position = 0
        while position < len(tokens) and self._left > 0:
            token = tokens[position]
            parts.append(text[end : token.start()])
            taken, gloss = self._expression(text, tokens, position)
            if gloss is None:
                gloss = self._token(text, token)
            position += taken
            end = tokens[position - 1].end()
            if not gloss and text[end : end + 1] in ("'", "’"):
                end += 1  # what it elided goes with it
            parts.append(gloss)
        parts.append(text[end:])
        language, probability = next(iter(self._weights.items()), (UNDETERMINED, 0.0))
        glossed = " ".join("".join(parts).split())
        return Gloss(glossed, language, probability, tuple(self._words), self._known, self._seen)

    def _expression(self, text: str, tokens: Sequence[re.Match[str]], position: int) -> tuple[int, str | None]:
        """How many tokens the longest expression here takes, and its gloss; (1, None) where there is none."""
        first = tokens[position]["word"]
        for language in self._foreign if first else ():
            if not self._lexicon.begins_expression(first, language):
                continue
            for count in range(min(MOST_WORDS, len(tokens) - position), 1, -1):
                words = tokens[position : position + count]
                gloss = self._lexicon.expression(text[words[0].start() : words[-1].end()], language)
                if gloss is not None:
                    return count, self._counted(gloss)
        return 1, None

    def _token(self, text: str, token: re.Match[str]) -> str:
        if token["kept"]:
            return token[0]
        if token["tag"]:
            return self._tag(token[0])
        word = token["word"]
        elided = text[token.end() : token.end() + 1] in ("'", "’") and len(word) <= LONGEST_ELISION
        gloss = self._best(word)
        if gloss is None and elided and next(iter(self._weights), "") in ELIDING:
            gloss = ""
        return self._kept(word) if gloss is None else self._counted(gloss, word)

    def _tag(self, tag: str) -> str:
        """A hashtag's own gloss, or its parts' where one of them has a gloss; else the tag as it stands."""
        if (gloss := self._best(tag[1:])) is not None:
            return self._counted(gloss, tag[1:]) if gloss != tag[1:] else self._kept(tag)
        glosses = [(part, self._best(part)) for part in tag_parts(tag[1:], self._is_listed)]
        if not any(gloss and gloss != part for part, gloss in glosses):
            return self._kept(tag)
        return " ".join(self._kept(part) if gloss is None else self._counted(gloss, part) for part, gloss in glosses)

    def _is_listed(self, word: str) -> bool:
        return any(self._lexicon.expression(word, language) for language in self._foreign)

    def _best(self, word: str) -> str | None:
        """The gloss that the likely languages agree on most; the word itself where English is among them and has it;
        None where no list has it."""
        if word.isdigit():
            return None
        votes: defaultdict[str, float] = defaultdict(float)
        for language, weight in self._weights.items():
            if language == ENGLISH:
                if surely := self._lexicon.english(word):
                    votes[word] += weight * surely
            elif (gloss := self._lexicon.gloss(word, language)) is not None:
                votes[gloss] += weight
        return max(votes, key=votes.__getitem__) if votes else None

    def _kept(self, word: str) -> str:
        self._left -= 1
        self._seen += 1
        return word

    def _counted(self, gloss: str, word: str = "") -> str:
        self._known += 1
        if gloss != word:
            self._words += gloss.split()
        return self._kept(gloss)
