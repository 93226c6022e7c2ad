"""Place names with the case endings and prepositions that a sentence asks for: Finnish cases with gradation, Turkish
suffixes, the French article that joins its preposition. By rules on letters: rare names may come out wrong."""

from __future__ import annotations

import re
from collections.abc import Callable

BACK_VOWELS, VOWELS = "aouAOU", "aeiouyäöåAEIOUYÄÖÅ"
# Last part of a name -> its stem before an ending (weak grade), and before the illative (strong grade).
FINNISH_PARTS = """joki joe joke|järvi järve järve|lahti lahde lahte|mäki mäe mäke|niemi nieme nieme|saari saare saare|
lampi lamme lampe|koski koske koske|vesi vede vete|kangas kankaa kankaa|selkä selä selkä|salmi salme salme|
nummi numme numme|suo suo suo|ranta ranna ranta|lehto lehdo lehto|halli halli halli|nenä nenä nenä|ainen aise aise|
pelto pello pelto|perä perä perä|kaupunki kaupungi kaupunki|vuori vuore vuore|hovi hovi hovi|lati ladi lati|
harju harju harju|turku turu turku|helsinki helsingi helsinki|tampere tamperee tamperee|rauta rauda rauta|
lautta lauta lautta|hamina hamina hamina|kylä kylä kylä|tornio tornio tornio|linna linna linna|salo salo salo"""
PARTS = [tuple(part.split()) for part in FINNISH_PARTS.replace("\n", "").split("|")]
GRADATION = (("kk", "k"), ("pp", "p"), ("tt", "t"), ("nk", "ng"), ("mp", "mm"), ("nt", "nn"), ("lt", "ll"))
LOCATIVES = {"ssa": "ssä", "sta": "stä", "lla": "llä", "lta": "ltä"}
TURKISH_HARD, TURKISH_BACK, TURKISH_VOWELS = "fstkçşhp", "aıou", "aıoueiöü"
TURKISH_CLOSE = {"a": "ı", "ı": "ı", "o": "u", "u": "u", "e": "i", "i": "i", "ö": "ü", "ü": "ü"}
TURKISH_LOWER = str.maketrans("Iİ", "ıi")
ARTICLES = {"Le ": ("au ", "du "), "Les ": ("aux ", "des ")}


def finnish(name: str, case: str) -> str:
    """A name in a case, which is told by its ending with back vowels: ssa, sta, lla, lta, lle, n, or Vn, the illative.

    >>> finnish("Tampere", "lla"), finnish("Turku", "ssa"), finnish("Helsinki", "Vn"), finnish("Riihimäki", "n")
    ('Tampereella', 'Turussa', 'Helsinkiin', 'Riihimäen')
    """
    weak, strong = _finnish_stems(name)
    if case != "Vn":
        ending = case if _has_back_vowel(name) else LOCATIVES.get(case, case)
        return weak + ending
    if strong[-1:] not in VOWELS:
        return strong + "in"
    if strong[-2:-1] == strong[-1:]:
        return strong + "seen"
    return f"{strong}{strong[-1].lower()}n"


def _finnish_stems(name: str) -> tuple[str, str]:
    for part, weak, strong in PARTS:
        if name.lower().endswith(part):
            head = name[: len(name) - len(part)]
            return (head + weak, head + strong) if head else (name[0] + weak[1:], name[0] + strong[1:])
    if name.endswith("nen"):
        return name[:-3] + "se", name[:-3] + "se"
    if name[-1:] not in VOWELS:
        return name + "i", name + "i"
    for full, weak in GRADATION:
        if name[:-1].endswith(full):
            return name[: -1 - len(full)] + weak + name[-1], name
    return name, name


def _has_back_vowel(name: str) -> bool:
    decisive = [letter for letter in name if letter in "aouäöyAOUÄÖY"]
    return bool(decisive) and decisive[-1] in BACK_VOWELS


def turkish(name: str, case: str) -> str:
    """The ending of a name in a case: de (in), den (from), in (of), e (to), i (object), denim (I am from).

    >>> [turkish(*each) for each in (("Bursa", "de"), ("Tokat", "den"), ("İzmir", "in"), ("Muğla", "e"), ("Rize", "i"))]
    ['da', 'tan', 'in', 'ya', 'yi']
    """
    lower = name.translate(TURKISH_LOWER).lower()
    vowels = [letter for letter in lower if letter in TURKISH_VOWELS]
    last = vowels[-1] if vowels else "e"
    open_vowel, close_vowel = ("a" if last in TURKISH_BACK else "e"), TURKISH_CLOSE[last]
    ends_open = lower[-1:] in TURKISH_VOWELS
    consonant = "t" if lower[-1:] in TURKISH_HARD else "d"
    return {
        "de": consonant + open_vowel,
        "den": f"{consonant}{open_vowel}n",
        "in": ("n" if ends_open else "") + f"{close_vowel}n",
        "e": ("y" if ends_open else "") + open_vowel,
        "i": ("y" if ends_open else "") + close_vowel,
        "denim": f"{consonant}{open_vowel}n",
    }[case]


def joined_french(before: str, name: str) -> tuple[str, str]:
    """The text before a name and the name: "à Le Havre" is "au Havre", "de Arles" is "d'Arles".

    >>> joined_french("crue à ", "Le Havre"), joined_french("près de ", "Arles")
    (('crue au ', 'Havre'), ("près d'", 'Arles'))
    """
    for article, (at, of) in ARTICLES.items():
        if name.startswith(article):
            for preposition, joined in (("à ", at), ("de ", of)):
                if re.search(rf"(?:^|\s){preposition}$", before, re.IGNORECASE):
                    return before[: -len(preposition)] + joined, name[len(article) :]
    if name[0] in "AEIOUÉÈÎHY" and re.search(r"(?:^|\s)de $", before):
        return before[:-2] + "'", name
    return before, name


Recase = Callable[[str], str]


def lower_case(language: str) -> Recase:
    """How the language's letters are made small; Turkish has a dotless ı."""
    return (lambda text: text.translate(TURKISH_LOWER).lower()) if language == "tr" else str.lower


def upper_case(language: str) -> Recase:
    """How the language's letters are made large."""
    return (lambda text: text.replace("i", "İ").upper()) if language == "tr" else str.upper
