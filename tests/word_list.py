"""A small word list for tests, made in the project's form."""

from __future__ import annotations

from pathlib import Path

from stormpetrel.posts.gloss.build import build
from stormpetrel.posts.gloss.gloss import Glosser
from stormpetrel.posts.gloss.lexicon import Lexicon
from stormpetrel.posts.gloss.tables import read_tables

TABLES = {
    "concepts": [
        *("water", "street", "flooded", "flood", "house", "help", "warning", "weather", "rescue team", "bridge"),
        *("dead", "people", "closed", "collapsed", "the", "in", "of", "and", "is"),
    ],
    "it": [
        *("acqua\twater", "strada\tstreet", "allagare\tflooded", "alluvione\tflood", "casa\thouse", "nel\tin"),
        *("aiuto\thelp", "allerta\twarning", "meteo\tweather", "protezione civile\trescue team", "ponte\tbridge"),
        *("il\t", "la\t", "le\t", "crollare\tcollapsed", "morto\tdead"),
    ],
    "es": ["agua\twater", "calle\tstreet", "inundar\tflooded", "puente\tbridge", "la\t", "las\t", "gente\tpeople"],
    "fr": ["eau\twater", "rue\tstreet", "inondé\tflooded", "dans\tin", "pont\tbridge", "la\t", "les\t"],
    "de": [
        *("straße\tstreet", "überfluten\tflooded", "hochwasser\tflood", "warnung\twarning", "brücke\tbridge"),
        *("haus\thouse", "die\t", "menschen\tpeople"),
    ],
    "ar": ["فيضان\tflood", "شارع\tstreet", "ماء\twater", "مساعدة\thelp"],
}


def write_tables(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in TABLES.items():
        lines = [f"{row}\tword" for row in rows] if name == "concepts" else rows
        (folder / f"{name}.tsv").write_text("# test\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return folder


def make_glosser(folder: Path) -> Glosser:
    tables = read_tables(write_tables(folder / "tables"))
    build(folder / "forms", tables)
    return Glosser(Lexicon(folder / "forms"))
