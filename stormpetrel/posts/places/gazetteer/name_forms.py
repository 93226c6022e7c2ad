"""The variants of a place name in a post that a gazetteer may hold."""

from __future__ import annotations

import re

# A street may have a city's name: "corso Torino".
STREET_WORDS = "via|viale|piazza|piazzale|corso|largo|calle|avenida|av|plaza|paseo|rua|praça|rue|avenue|boulevard|quai"
STREET = re.compile(
    rf"^(?:{STREET_WORDS})\b.|.\b(?:street|st|road|rd|avenue|ave|boulevard|blvd|drive|lane|highway|hwy)\.?$",
    re.IGNORECASE,
)
CAMEL_CASE = re.compile(r"[A-ZÀ-Þ]?[a-zß-ÿ]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Zà-ÿÀ-Þ]+")
# Words before a name that the gazetteer's name lacks.
PREFIX_WORDS = """north south east west northern southern eastern western central downtown upper lower northeast
northwest southeast southwest ne nw se sw n s greater the mainland rural coastal city town island district state
province port of محافظة مدينة منطقة دولة"""
LEADING = frozenset(PREFIX_WORDS.split())
# Words after a name that the gazetteer's name lacks, and what it has instead of them.
FEATURE_WORDS = """area city town district dist state province region coast island islands airport hospital university
beach village metro valley prefecture municipality border suburbs"""
TRAILING = dict.fromkeys(FEATURE_WORDS.split(), "") | {"co": "County", "cty": "County", "county": "County"}
CLITICS, SHORTEST_ARABIC = "بلوفك", 4  # in, to, and, so, as; letters of a name with one
# Words for kinds of places that are no names by themselves, though there are towns that are called so.
KINDS_OF_PLACES = """
وادي نادي طريق شارع جسر مستشفى جامعة مطار مخيم لواء قرية بلدة حي جبل بحر نهر سد ميناء مقبرة سفارة دوار مدرسة مسجد مرفأ
river lake park school hospital university church bridge road street station hotel valley creek camp center centre
college hall mall museum memorial stadium zoo
"""
KIND_WORDS = frozenset(KINDS_OF_PLACES.split())
# "Syrian", "Israeli", "Philippine": an ending, and its replacement.
DEMONYM_RULES = "n: an: i: ian: ian:e ish: ese: ine:ines an:o"
DEMONYMS = [tuple(rule.split(":")) for rule in DEMONYM_RULES.split()]


def name_forms(name: str) -> list[str]:
    """The variants of a name that the gazetteer may hold, the fullest first.

    >>> name_forms("#northern California")
    ['northern California', 'California']
    """
    plain = " ".join(name.replace("#", " ").replace("_", " ").split()).strip(" @.,:;!?'\"")
    forms = [plain]
    words = plain.split()
    if len(words) == 1 and len(parts := CAMEL_CASE.findall(plain)) > 1:
        forms.append(" ".join(parts))
    if plain.endswith(("'s", "’s")):
        forms.append(plain[:-2])
    elif plain.endswith("s") and len(plain) > 4:
        forms.append(plain[:-1])
    if len(words) > 1 and words[0].lower() in LEADING:
        forms.append(" ".join(words[1:]))
    if len(words) > 1 and (last := words[-1].lower().strip(".")) in TRAILING:
        forms += [" ".join([*words[:-1], TRAILING[last]]).strip(), " ".join(words[:-1])]
    return list(dict.fromkeys(forms))


def without_clitics(name: str) -> list[str]:
    """An Arabic name without the words that are written together with it (in, to, and, so, as), and with the article
    where it has none, or the other way round.

    >>> without_clitics("بالاردن"), without_clitics("للكويت"), without_clitics("Oman")
    (['الاردن', 'البالاردن', 'اردن'], ['الكويت', 'كويت'], [])
    """
    if not "\u0600" <= name[:1] <= "\u06ff":
        return []
    stems = [name]
    if name.startswith("لل") and len(name) > SHORTEST_ARABIC:
        stems = ["ال" + name[2:]]
    elif name[0] in CLITICS and len(name) > SHORTEST_ARABIC:
        stems.append(name[1:])
    articles = [stem[2:] if stem.startswith("ال") else f"ال{stem}" for stem in stems if len(stem) > SHORTEST_ARABIC - 2]
    return [form for form in dict.fromkeys([*stems, *articles]) if form != name]
