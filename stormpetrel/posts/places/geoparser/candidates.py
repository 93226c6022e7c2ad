"""The places that a name in a post may stand for, and how far its form was changed to find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from stormpetrel.posts.places.gazetteer import case_endings
from stormpetrel.posts.places.gazetteer.gazetteer import Candidate, Gazetteer, fold
from stormpetrel.posts.places.gazetteer.misspellings import near_spellings
from stormpetrel.posts.places.gazetteer.name_forms import (
    CAMEL_CASE,
    DEMONYMS,
    KIND_WORDS,
    STREET,
    name_forms,
    without_clitics,
)
from stormpetrel.posts.places.tagger.recogniser import CAPITAL_POPULATION, ordinary_words

# As written, without a genitive or a kind of place, without a case ending, without Arabic clitics,
# of its people, a part of it, misspelt.
Match = Literal["exact", "changed_form", "case_ending", "clitic", "demonym", "part_of_name", "misspelt"]
CACHE_SIZE = 5000  # names: the posts of an event repeat the same ones
LONGEST_NAME = 200  # characters; longer ones are no names, and would fill the cache
MAX_RUN = 4  # words of a part of a name
SHORTEST_PART = 4  # letters
MISSPELT_PLACES = 10  # of each near spelling
Located = Callable[[Candidate], bool]


class Found(NamedTuple):
    """The candidates of a name, and how the name was changed to find them."""

    match: Match
    places: tuple[Candidate, ...]


class CandidateFinder:
    """Finds the candidates of names. Threads may share it."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer
        self._find = lru_cache(CACHE_SIZE)(self._searched)
        self._misspelt = lru_cache(CACHE_SIZE)(self._near_spellings)

    def find(self, name: str, language: str | None, is_near: Located | None = None) -> Found:
        """The places of a name, or else of the name in another form, of its people, of a part of it. A misspelt name
        gets those alone of which `is_near` holds: the post's other places or recent posts must be there. None of a
        street: it is where the post's other names are."""
        if len(name) > LONGEST_NAME:
            return Found("exact", ())
        found = self._find(name, language if language in case_endings.LANGUAGES else None)
        if is_near is None or (found.match == "exact" and found.places) or STREET.search(name):
            return found
        near = tuple(place for place in self._misspelt(name) if is_near(place))
        return Found("misspelt", near) if near else found

    def _searched(self, name: str, language: str | None) -> Found:
        if STREET.search(name):
            return Found("exact", ())
        for match, forms in self._forms(name, language):
            for form in forms:
                if places := self._gazetteer.candidates(form):
                    return Found(match, tuple(places))
        if places := self._by_demonym(name):
            return Found("demonym", tuple(places))
        return Found("part_of_name", tuple(self._by_part(name)))

    @staticmethod
    def _forms(name: str, language: str | None) -> Iterator[tuple[Match, Sequence[str]]]:
        forms = name_forms(name)
        yield "exact", forms[:1]
        yield "case_ending", case_endings.without_endings(forms[0], language)
        yield "clitic", without_clitics(forms[0])
        yield "changed_form", forms[1:]

    def _by_demonym(self, name: str) -> list[Candidate]:
        """Of "Syrian" Syria: the countries, divisions or regions whose people are called so."""
        for suffix, replacement in DEMONYMS:
            if name.endswith(suffix) and len(name) - len(suffix) > 2:
                places = self._gazetteer.candidates(name[: -len(suffix)] + replacement)
                if areas := [place for place in places if place.kind in ("country", "region", "admin1")]:
                    return areas
        return []

    def _by_part(self, name: str) -> list[Candidate]:
        """Of "Charlotte Humane Society" Charlotte: the large places that the longest runs of its words name."""
        plain = name.replace("#", " ").replace("_", " ")
        words = plain.split() if " " in plain.strip() else CAMEL_CASE.findall(plain)
        for length in range(min(len(words) - 1, MAX_RUN), 0, -1):
            runs = [" ".join(words[start : start + length]) for start in range(len(words) - length + 1)]
            if places := [place for run in runs for place in self._large_places(run)]:
                return places
        return []

    def _large_places(self, run: str) -> list[Candidate]:
        """The places that a part of a name stands for; none of an ordinary word, or of small places."""
        is_word = fold(run) in ordinary_words() or run.casefold() in KIND_WORDS
        if len(run) < SHORTEST_PART or is_word or run[0].islower() or run[0].isdigit():
            return []
        for form in (run, run.removeprefix("ال")):
            places = self._gazetteer.candidates(form)
            if places and (places[0].kind != "city" or places[0].population >= CAPITAL_POPULATION):
                return places
        return []

    def _near_spellings(self, name: str) -> list[Candidate]:
        spellings = near_spellings(name_forms(name)[0], self._gazetteer)
        return [place for form in spellings for place in self._gazetteer.candidates(form, MISSPELT_PLACES)]
