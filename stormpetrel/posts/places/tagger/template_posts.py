"""Training posts made from templates: in languages that have no labelled posts of people, they teach the tagger how
places are named. The same seed gives the same posts."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.tagger.case_forms import finnish, joined_french, lower_case, turkish, upper_case
from stormpetrel.posts.places.tagger.labelled_mentions import GoldMention, LabelledPost
from stormpetrel.posts.places.tagger.local_names import local_names
from stormpetrel.posts.places.tagger.ordinary_words import words_of_table
from stormpetrel.posts.places.tagger.sentence_templates import Templates, pieces

KNOWN_SHARE, ABROAD_SHARE = 0.2, 0.08  # of the names: well-known ones, and those of other countries
SMALL_SHARE, LARGE_SHARE = 0.22, 0.05  # of the posts: all in small, all in large letters
SECOND_SHARE = 0.3  # of the posts: with a second sentence
# Of the posts: with some ordinary words before or behind, and of such words alone. No template has them, and without
# them the tagger takes whatever words it does not know, with a capital letter, for names.
WORDS_SHARE, WORDS_ALONE_SHARE = 0.35, 0.1
TAG_SHARE, NAME_TAG_SHARE, RETWEET_SHARE, LINK_SHARE, EMOJI_SHARE = 0.35, 0.12, 0.08, 0.2, 0.12
NO_APOSTROPHE_SHARE = 0.3  # of Turkish names with an ending
CAPITALS = {"de": 0.4}  # share of the words within a sentence that have a capital letter
EMOJI = ("🌊", "🙏", "😢", "⚠️", "🚨", "❤️", "🌧️", "🔥", "💔", "👏")
SEPARATORS = (". ", "! ", ", ", " - ", "\n", "... ", " ")
ACCOUNTS = ("meteo_live", "notizie24", "Marta_R", "alerta", "news365", "redazione", "jan1987", "info_now", "AhmetK")
Fragment = tuple[str, bool]  # text, and whether it is a place name


class TemplatePosts:
    """Makes the posts of a language."""

    def __init__(self, templates: Templates, gazetteer: Gazetteer, seed: int) -> None:
        self._templates, self._language = templates, templates.language
        self._chance = random.Random(f"{seed} {templates.language}")
        self._words = [word for word in words_of_table(self._language) if " " not in word]
        self._names, weights = local_names(gazetteer, templates.language)
        self._weights = list(accumulate(weights))

    def make(self, count: int) -> Iterator[LabelledPost]:
        """`count` posts; every sentence is used before one is used again."""
        sentences: list[str] = []
        for _ in range(count):
            if not sentences:
                sentences = self._chance.sample(self._templates.sentences, len(self._templates.sentences))
            yield self._post(sentences.pop())

    def _post(self, sentence: str) -> LabelledPost:
        chance = self._chance
        fragments = self._filled(sentence)
        if chance.random() < WORDS_ALONE_SHARE:
            fragments = [(self._ordinary_words(4, 10), False)]
        elif chance.random() < WORDS_SHARE:
            words = self._ordinary_words(1, 5)
            is_before = chance.random() < 0.6
            fragments = [(f"{words} ", False), *fragments] if is_before else [*fragments, (f" {words}", False)]
        if chance.random() < SECOND_SHARE:
            fragments += [(chance.choice(SEPARATORS), False), *self._filled(chance.choice(self._templates.sentences))]
        roll = chance.random()
        if roll < SMALL_SHARE:
            small = lower_case(self._language)
            fragments = [(small(text), is_place) for text, is_place in fragments]
        elif roll < SMALL_SHARE + LARGE_SHARE:
            large = upper_case(self._language)
            fragments = [(large(text), is_place) for text, is_place in fragments]
        return _labelled([*self._before(), *fragments, *self._after()], self._language)

    def _ordinary_words(self, least: int, most: int) -> str:
        """Some ordinary words of the language, mostly with a capital letter first."""
        words = self._chance.choices(self._words, k=self._chance.randint(least, most))
        for row in range(len(words)):
            if self._chance.random() < (0.8 if row == 0 else CAPITALS.get(self._language, 0.02)):
                words[row] = words[row][0].upper() + words[row][1:]
        return " ".join(words)

    def _before(self) -> list[Fragment]:
        if self._chance.random() < RETWEET_SHARE:
            return [(f"RT @{self._chance.choice(ACCOUNTS)}: ", False)]
        return []

    def _after(self) -> list[Fragment]:
        chance, fragments = self._chance, list[Fragment]()
        if chance.random() < EMOJI_SHARE:
            fragments.append((" " + chance.choice(EMOJI) * chance.randint(1, 2), False))
        if chance.random() < NAME_TAG_SHARE:
            tag = re.sub(r"[\s'’-]", chance.choice(["", "_"]), self._name())
            fragments += [(" #", False), (tag.lower() if chance.random() < 0.4 else tag, True)]
        if chance.random() < TAG_SHARE:
            fragments.append((" " + " ".join(chance.sample(self._templates.lists["tag"], chance.randint(1, 2))), False))
        if chance.random() < LINK_SHARE:
            fragments.append((f" https://t.co/{chance.randint(10**6, 10**9):x}", False))
        return fragments

    def _filled(self, template: str) -> list[Fragment]:
        """The fragments of a template whose slots are filled."""
        fragments: list[Fragment] = []
        for piece in pieces(template):
            if piece.slot == "city":
                fragments = self._with_name(fragments, piece.case)
            elif piece.is_place:
                fragments.append(("".join(text for text, _ in self._filled(piece.text)), True))
            elif piece.slot == "namesake":
                fragments.append((self._name(), False))
            elif piece.slot in ("n", "h"):
                fragments.append((str(self._chance.randint(2, 9 if piece.slot == "n" else 23)), False))
            elif piece.slot:
                filled = self._filled(self._chance.choice(self._templates.lists[piece.slot]))
                if piece.slot in self._templates.place_lists:
                    filled = [("".join(text for text, _ in filled), True)]
                fragments += filled
            else:
                fragments.append((piece.text, False))
        return fragments

    def _with_name(self, fragments: list[Fragment], case: str) -> list[Fragment]:
        name = self._name()
        if self._language == "fi" and case:
            return [*fragments, (finnish(name, case), True)]
        if self._language == "tr" and case:
            ending = turkish(name, case)
            if self._chance.random() < NO_APOSTROPHE_SHARE:
                return [*fragments, (name + ending, True)]
            return [*fragments, (name, True), (f"'{ending}", False)]
        if self._language == "fr" and fragments:
            before, name = joined_french(fragments[-1][0], name)
            fragments = [*fragments[:-1], (before, fragments[-1][1])]
        return [*fragments, (name, True)]

    def _name(self) -> str:
        roll, lists = self._chance.random(), self._templates.lists
        if roll < KNOWN_SHARE:
            return self._chance.choice(lists["known"])
        if roll < KNOWN_SHARE + ABROAD_SHARE and "foreign" in lists:
            return self._chance.choice(lists["foreign"])
        return self._chance.choices(self._names, cum_weights=self._weights)[0]


def _labelled(fragments: Sequence[Fragment], language: str) -> LabelledPost:
    text, mentions = "", []
    for part, is_place in fragments:
        if is_place and part:
            mentions.append(GoldMention(len(text), len(text) + len(part)))
        text += part
    return LabelledPost(text, tuple(mentions), f"{language}_templates", language, "")
