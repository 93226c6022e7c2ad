"""Place names without the case endings of six languages (`LANGUAGES`): Tampereella is Tampere.

They are rules on letters, without a dictionary: of the forms that they give, the gazetteer knows which is a name.
"""

from __future__ import annotations

FINNISH = "ssa ssä sta stä lla llä lta ltä lle hin hyn hen seen aan ään oon een iin yyn uun öön ksi n"
GRADATION = (("ng", "nk"), ("mm", "mp"), ("nn", "nt"), ("ll", "lt"), ("rr", "rt"), ("d", "t"), ("v", "p"))
TURKISH = "dan den tan ten daki deki taki teki da de ta te nin nın nun nün in ın un ün ya ye na ne yı yi a e ı i"
HUNGARIAN = "ban ben ból ből nál nél tól től hoz hez höz ról ről ra re on en ön ba be ig i n t"
GERMAN = "ern er s"
# What stands for the ending in the nominative. Accents do not count where names are looked up.
POLISH = (
    *(("owie", "ów"), ("iu", ""), ("iu", "ie"), ("ie", "a"), ("ie", ""), ("u", ""), ("u", "o"), ("u", "e")),
    *(("ach", "y"), ("ach", "i"), ("ach", "e"), ("y", "a"), ("i", "a"), ("i", ""), ("a", ""), ("ą", "a"), ("ę", "a")),
)
GREEK = (("ου", "ος"), ("ου", "ο"), ("ης", "η"), ("ας", "α"), ("ων", "α"), ("ο", "ος"), ("η", "ης"), ("α", "ας"))
FULL_VOWELS = (("á", "a"), ("é", "e"))  # Hungarian lengthens them before an ending: Budán
SHORTEST_STEM = 3
LANGUAGES = frozenset({"de", "el", "fi", "hu", "pl", "tr"})


def without_endings(name: str, language: str | None) -> list[str]:
    """The forms of a name that may stand without its case ending, the likeliest first; none in other languages.

    >>> without_endings("Helsingissä", "fi")[:3]
    ['Helsingi', 'Helsinki', 'Helsingki']
    >>> without_endings("Kölner", "de"), without_endings("Köln", "en")
    (['Köln', 'Kölen', 'Kölnen', 'Kölne'], [])
    >>> without_endings("Nysie", "pl"), without_endings("Βόλο", "el")
    (['Nysa', 'Nys'], ['Βόλος'])
    """
    if language == "fi":
        return _finnish(name)
    if language == "tr":
        return _plain(name.split("'")[0].split("’")[0] if "'" in name or "’" in name else name, TURKISH)
    if language == "hu":
        stems = _plain(name, HUNGARIAN)
        shortened = [stem[:-1] + short for stem in stems for long, short in FULL_VOWELS if stem[-1] == long]
        return _distinct([*stems, *shortened])
    if language in ("pl", "el"):
        return _replaced(name, POLISH if language == "pl" else GREEK)
    if language == "de":
        stems = _plain(name, GERMAN)
        if name.endswith("er"):  # Bremer, Dresdner
            full = [stem.removesuffix("n") + "en" for stem in stems if stem.endswith("n")]
            stems += [*full, *(stem + ending for stem in stems for ending in ("en", "e"))]
        return _distinct(stems)
    return []


def _plain(name: str, endings: str) -> list[str]:
    stems = [name] if name[-1:] not in ("", "'") else []
    stems += [
        name.removesuffix(ending)
        for ending in endings.split()
        if name.endswith(ending) and len(name) - len(ending) >= SHORTEST_STEM
    ]
    return _distinct(stems[1:] if len(stems) > 1 and stems[0] == name else stems)


def _replaced(name: str, endings: tuple[tuple[str, str], ...]) -> list[str]:
    stems = [(name.removesuffix(ending), full) for ending, full in endings if name.endswith(ending)]
    return _distinct([stem + full for stem, full in stems if len(stem) >= SHORTEST_STEM])


def _finnish(name: str) -> list[str]:
    """Stems with their last vowel as the nominative has it, and with the consonants of the strong grade."""
    forms: list[str] = []
    for ending in FINNISH.split():
        stem = name.removesuffix(ending)
        if stem == name or len(stem) < SHORTEST_STEM:
            continue
        if ending[0] == ending[1:2]:  # an illative lengthens the last vowel: Tampereeseen, Helsinkiin
            stem += ending[0] if ending[0] in "aäoeiyuö" else ""
        stems = [stem]
        if stem[-1] in "aäeioöuy" and stem[-2:-1] == stem[-1]:
            stems.append(stem[:-1])
        for form in tuple(stems):
            body, last = form[:-1], form[-1]
            strong = [body[: -len(weak)] + full + last for weak, full in GRADATION if body.endswith(weak)]
            if body[-1:] in "ptk":
                strong.append(body + body[-1] + last)
            elif last in "aäeioöuy":
                strong.append(f"{body}k{last}")
            stems += strong
        stems += [form[:-1] + "i" for form in tuple(stems) if form[-1] == "e"]
        stems += [form[:-1] + "e" for form in tuple(stems[:2]) if form[-1] == "i"]
        stems += [form[:-1] + "nen" for form in tuple(stems) if form.endswith("se")]
        forms += stems
    return _distinct(forms)


def _distinct(forms: list[str]) -> list[str]:
    return [form for form in dict.fromkeys(forms) if len(form) >= SHORTEST_STEM]
