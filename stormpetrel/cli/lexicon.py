"""`stormpetrel lexicon`: the word lists that gloss texts for a text model that knows English alone."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_result

LANGUAGE = re.compile(r"[a-z]{2,3}")


def add(
    file: Path = typer.Argument(
        exists=True, dir_okay=False, help="A dictd database (its .index, .dict or .dict.dz), or `word<TAB>gloss`."
    ),
    lang: str = typer.Option(help="The language of its words, by its ISO 639-1 code, such as it."),
    as_json: AsJson = False,
) -> None:
    """Add a word list of your own, from a language to English; the project's words stay as they are."""
    from stormpetrel.bootstrap import LEXICON
    from stormpetrel.core.errors import SetupError
    from stormpetrel.posts.gloss.build import ensure_lexicon, gloss_version
    from stormpetrel.posts.gloss.dictd import read_word_list
    from stormpetrel.posts.gloss.tables import read_tables

    if not LANGUAGE.fullmatch(lang) or lang == "en":
        raise SetupError(f"{lang!r} is no language to gloss from: give a code of two letters, such as it, de or ar")
    settings = load_settings()
    rows = read_word_list(file)
    folder = settings.lexicon.directory
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", file.name.split(".")[0].lower()).strip("-") or "list"
    target = folder / f"{lang}.{name}.tsv"
    target.write_text("".join(f"{word}\t{gloss}\n" for word, gloss in rows), encoding="utf-8")
    ensure_lexicon(settings.cache, LEXICON, folder)
    version = gloss_version(read_tables(LEXICON, folder))
    text = (
        f"{len(rows):,} words of {lang} in {target}\n"
        f"posts are glossed by {version} from the next start on; enrich stored posts again, "
        "for their vectors are of another list"
    )
    print_result({"file": str(target), "language": lang, "words": len(rows), "version": version}, text, as_json)


def coverage(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder like tweets_crisislex: posts."),
    as_json: AsJson = False,
) -> None:
    """How many of the running words of real posts the word lists know, in each language."""
    from stormpetrel.bootstrap import open_glosser
    from stormpetrel.core.errors import SetupError
    from stormpetrel.evaluation.languages import coverage as covered
    from stormpetrel.evaluation.test_collections import FORM, read_posts

    posts = read_posts(data)
    if not posts:
        raise SetupError(f"no labelled posts in {data}: {FORM}")
    shares = covered(posts, open_glosser(load_settings()))
    print_result(shares, "\n".join(f"{language}: {share:.1%}" for language, share in shares.items()), as_json)
