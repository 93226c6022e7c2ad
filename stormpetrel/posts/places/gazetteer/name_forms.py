"""The ways in which a name that a post writes may stand in a gazetteer."""

from __future__ import annotations

import re

from stormpetrel.posts.places.tagger.recogniser import CAMEL, STREET_WORDS

STREET = re.compile(
    rf"^(?:{STREET_WORDS})\b.|.\b(?:street|st|road|rd|avenue|ave|boulevard|blvd|drive|lane|highway|hwy)\.?$",
    re.IGNORECASE,
)
# What may stand before a name, or after it, and is no part of it there.
LEADING = frozenset(
    [
        "north",
        "south",
        "east",
        "west",
        "northern",
        "southern",
        "eastern",
        "western",
        "central",
        "downtown",
        "upper",
        "lower",
        "northeast",
        "northwest",
        "southeast",
        "southwest",
        "ne",
        "nw",
        "se",
        "sw",
        "n",
        "s",
        "greater",
        "the",
        "mainland",
        "rural",
        "coastal",
        "city",
        "town",
        "island",
        "district",
        "state",
        "province",
        "port",
        "of",
        "محافظة",
        "مدينة",
        "منطقة",
        "دولة",
    ]
)
KINDS_OF_PLACES = (
    "area",
    "city",
    "town",
    "district",
    "dist",
    "state",
    "province",
    "region",
    "coast",
    "island",
    "islands",
    "airport",
    "hospital",
    "university",
    "beach",
    "village",
    "metro",
    "valley",
    "prefecture",
    "municipality",
    "border",
    "suburbs",
)
TRAILING = dict.fromkeys(KINDS_OF_PLACES, "") | {"co": "County", "cty": "County", "county": "County"}
# "Syrian", "Israeli", "Philippine": an ending, and what stands in its place.
DEMONYMS = (
    ("n", ""),
    ("an", ""),
    ("i", ""),
    ("ian", ""),
    ("ian", "e"),
    ("ish", ""),
    ("ese", ""),
    ("ine", "ines"),
    ("an", "o"),
)


def is_street(name: str) -> bool:
    """Whether a name is a street's, which may bear a city's.

    >>> is_street("corso Torino"), is_street("Houston Street"), is_street("Viareggio")
    (True, True, False)
    """
    return STREET.search(name) is not None


def forms_of(name: str) -> list[str]:
    """The ways in which a name may stand in the gazetteer, the fullest first.

    >>> forms_of("#northern California")
    ['northern California', 'California']
    """
    plain = " ".join(name.replace("#", " ").replace("_", " ").split()).strip(" @.,:;!?'\"")
    found = [plain]
    words = plain.split()
    if len(words) == 1 and len(parts := CAMEL.findall(plain)) > 1:
        found.append(" ".join(parts))
    if plain.endswith(("'s", "’s")):
        found.append(plain[:-2])
    elif plain.endswith("s") and len(plain) > 4:
        found.append(plain[:-1])
    if len(words) > 1 and words[0].lower() in LEADING:
        found.append(" ".join(words[1:]))
    if len(words) > 1 and words[-1].lower().strip(".") in TRAILING:
        found += [" ".join([*words[:-1], TRAILING[words[-1].lower().strip(".")]]).strip(), " ".join(words[:-1])]
    if plain.startswith("ال") and len(plain) > 4:
        found.append(plain[2:])
    if plain[:1] in "بلوف" and len(plain) > 4:
        found.append(plain[1:])
    return list(dict.fromkeys(found))
