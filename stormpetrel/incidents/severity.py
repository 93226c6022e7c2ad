"""How severe an incident is, by stated rules over what its posts say, in the words of CAP 1.2.

The rules read English: a post in another language is read by its gloss. A rule holds when two posts meet it: one post
alone makes no disaster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stormpetrel.core.events import Severity, SeverityReason
from stormpetrel.core.events.incidents import severity_rank

POSTS_A_RULE = 2
MANY_DEAD = 10
NO = r"(?<!no )(?<!not )(?<!without )(?<!zero )(?<!n't )"
NUMBER = re.compile(r"(?<![\d.,:/#$€£])(\d{1,3}(?:[.,]\d{3})+|\d{1,6})(?![\d:/%])")
HUNDREDS = re.compile(r"\b(?:dozens|hundreds|thousands|scores)\b")


def _words(*words: str) -> re.Pattern[str]:
    """Any of these words or expressions, where no "no" or "not" stands before it."""
    return re.compile(rf"{NO}\b(?:{'|'.join(words)})\b")


# "Help the flood victims" asks for the living.
VICTIMS = r"(?<!flood )(?<!storm )(?<!fire )(?<!quake )(?<!hurricane )(?<!typhoon )(?<!help )(?<!aid )(?<!for )victims"
DEAD = _words(
    "dead", "deaths?", "died", "dies", "dying", "killed", "kills", "killing", "bod(?:y|ies)", "fatalit(?:y|ies)",
    "fatal", VICTIMS, "drowned",
)  # fmt: skip
# What is cut off when nothing else is said may be the power, or a road.
CUT_OFF = (
    r"(?:we|they|people|persons?|residents?|famil(?:y|ies)|villages?|towns?|hamlets?|houses?|homes?|communit(?:y|ies)|"
    r"neighbou?rhoods?|islands?|areas?) (?:\w+ ){0,3}(?:cut off|isolated)",
    "cut off (?:by|from) (?!power|electricity)",
)
TRAPPED = _words(
    "trapped", "stranded", "stuck", *CUT_OFF, "missing", "on (?:the )?roofs?", "rooftops?", "buried", "swept away"
)
COLLAPSED = _words(
    "collaps(?:e|ed|es|ing)",
    "destroyed",
    "destruction",
    "rubble",
    r"(?:dam|levee|bank|dyke)s? (?:burst|breach|broke)\w*",
)
WATER_LEVEL = _words(
    r"(?:water|river|flood|creek|lake)s?(?: levels?)? (?:is |are |has |have |keeps? )?(?:risen|rising|rises|peak\w*)",
    r"(?:water|river|creek|lake|dam)s? (?:is |are |has |have )?(?:overflow\w*|over the banks?)",
    r"\d+(?:[.,]\d+)? ?(?:m|metres?|meters?|ft|feet) (?:of water|high|deep|above)",
)
EVACUATED = _words(r"evacuat\w+", "displaced", "homeless", "shelters?")
ROADS_CLOSED = _words(
    r"(?:roads?|streets?|highways?|bridges?|railways?|motorways?|airports?|schools?)\b[^.!?,;:]{0,30}"
    r"\b(?:closed|closure|blocked|cut|impassable|flooded|under water|submerged|washed)",
    "(?:closed|blocked|impassable|flooded|submerged) (?:roads?|streets?|highways?|bridges?)",
)
NO_POWER = _words(
    "(?:power|electricity|gas|water) (?:is |are )?(?:out|outages?|cut|off|down|loss)",
    "without (?:power|electricity|water)",
)
RULES: tuple[tuple[str, Severity, re.Pattern[str]], ...] = (
    ("dead", "severe", DEAD),
    ("trapped", "severe", TRAPPED),
    ("collapsed", "severe", COLLAPSED),
    ("water level", "severe", WATER_LEVEL),
    ("evacuated", "moderate", EVACUATED),
    ("roads closed", "moderate", ROADS_CLOSED),
    ("no power", "moderate", NO_POWER),
)


class SeverityHit(NamedTuple):
    """A rule that a post meets, and the words that met it, which stay here."""

    rule: str
    severity: Severity
    words: str


def severity_hits(english: str) -> tuple[SeverityHit, ...]:
    """The rules that a text meets; `english` is the text, or its gloss.

    >>> [(hit.rule, hit.severity, hit.words) for hit in severity_hits("12 people dead, roads closed in town")]
    [('many dead', 'extreme', '12 people dead'), ('roads closed', 'moderate', 'roads closed')]
    """
    text = " ".join(english.lower().split())
    hits = []
    for rule, severity, pattern in RULES:
        if (match := pattern.search(text)) is not None:
            many = _many(text, match) if rule == "dead" else None
            hits.append(SeverityHit("many dead", "extreme", many) if many else SeverityHit(rule, severity, match[0]))
    return tuple(hits)


def _many(text: str, match: re.Match[str]) -> str | None:
    """The words around a death that name ten dead or more; None where they do not."""
    start, end = max(0, match.start() - 30), min(len(text), match.end() + 20)
    for number in NUMBER.finditer(text, start, end):
        count = int(re.sub(r"[.,]", "", number[1]))
        if count >= MANY_DEAD and not 1900 <= count <= 2100:
            return text[min(number.start(), match.start()) : max(number.end(), match.end())]
    if (many := HUNDREDS.search(text, start, end)) is not None:
        return text[min(many.start(), match.start()) : max(many.end(), match.end())]
    return None


def severity_of(posts: Iterable[tuple[str, Sequence[SeverityHit]]]) -> tuple[Severity, tuple[SeverityReason, ...]]:
    """The severity of an incident from (post id, hits) in the order of time, and its reasons, the worst first. A reason
    names the first post that met its rule."""
    first: dict[str, tuple[str, SeverityHit]] = {}
    counts: dict[str, int] = {}
    for post_id, hits in posts:
        for hit in hits:
            first.setdefault(hit.rule, (post_id, hit))
            counts[hit.rule] = counts.get(hit.rule, 0) + 1
    reasons = [
        SeverityReason(rule=rule, severity=hit.severity, post_id=post_id)
        for rule, (post_id, hit) in first.items()
        if counts[rule] >= POSTS_A_RULE
    ]
    return worst_of(reasons)


def worst_of(reasons: Iterable[SeverityReason]) -> tuple[Severity, tuple[SeverityReason, ...]]:
    """The severity that reasons give, and the last one of each rule, the worst first."""
    by_rule = {reason.rule: reason for reason in reasons}
    ordered = sorted(by_rule.values(), key=lambda reason: (-severity_rank(reason.severity), reason.rule))
    return (ordered[0].severity if ordered else "minor"), tuple(ordered)
