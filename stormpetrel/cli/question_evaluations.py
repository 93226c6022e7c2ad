"""`stormpetrel eval questions`, `languages` and `saved`: judged questions over labelled posts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_json
from stormpetrel.cli.tables import print_table

if TYPE_CHECKING:
    from stormpetrel.evaluation.modalities import Collection
    from stormpetrel.evaluation.questions import ReadQuestion
    from stormpetrel.evaluation.test_collections import LabelledPost
    from stormpetrel.posts.gloss.gloss import Glosser
    from stormpetrel.posts.text.encoder import TextEncoder

Json = dict[str, Any]
Data = Annotated[
    Path, typer.Option(exists=True, file_okay=False, help="A folder like tweets_crisislex: labelled posts.")
]
QuestionFile = Annotated[
    Path, typer.Option("--questions", exists=True, dir_okay=False, help="JSON lines of judged questions.")
]


class _Judged(NamedTuple):
    """Judged questions, and what they are asked over."""

    questions: list[ReadQuestion]
    posts: tuple[LabelledPost, ...]
    collection: Collection
    encoder: TextEncoder
    glosser: Glosser


def _open(data: Path, file: Path) -> _Judged:
    """Raises SetupError where there are no labelled posts, or a question is at fault."""
    from functools import partial

    from stormpetrel.bootstrap import open_gazetteer, open_geoparser, open_glosser
    from stormpetrel.cli.console import say
    from stormpetrel.cli.system import load_text_encoder
    from stormpetrel.core.errors import SetupError
    from stormpetrel.evaluation.modalities import Collection
    from stormpetrel.evaluation.questions import read_questions
    from stormpetrel.evaluation.test_collections import FORM, read_posts
    from stormpetrel.search.place_names import PlaceNames

    settings = load_settings()
    posts = read_posts(data)
    if not posts:
        raise SetupError(f"no labelled posts in {data}: {FORM}")
    names, depth = PlaceNames(partial(open_gazetteer, settings)), settings.api.list_depth
    glosser = open_glosser(settings)
    # Before the models are at work: a fault in the file is told at once.
    judged_questions = read_questions(file, posts, names, depth, glosser)
    encoder = load_text_encoder(settings, say)
    say(f"{len(posts)} posts, {len(judged_questions)} questions")
    collection = Collection(posts, encoder, open_geoparser(settings), glosser)
    return _Judged(judged_questions, posts, collection, encoder, glosser)


def questions(data: Data, file: QuestionFile, as_json: AsJson = False) -> None:
    """How well the default search answers short questions, in each language, beside its best list and RRF."""
    from stormpetrel.cli.console import say
    from stormpetrel.evaluation.questions import evaluate_questions
    from stormpetrel.learned_files import query_relevance, ranking_weights

    judged = _open(data, file)
    version = judged.encoder.version
    learned = ranking_weights(version), query_relevance(version)
    report = evaluate_questions(judged.questions, judged.posts, judged.collection, judged.encoder, *learned, say)
    if as_json:
        print_json(report)
    else:
        _print_questions(report)


def _print_questions(report: Json) -> None:
    title = f"{report['questions']} questions, default fusion"
    rows = {**report["by_language"], "all": report}
    print_table(title, "language", {"map": "mAP", "p10": "P@10"}, rows)
    best = report["best_single"]
    typer.echo(
        f"best single list: {best['name']}, mAP {best['map']}; rrf: mAP {report['rrf']['map']}; "
        f"loses more than .05 AP on {100 * report['lost_share']:.1f} % of questions"
    )
    if report["ece"] is not None:
        typer.echo(
            f"relevance: expected calibration error {report['ece']}, Brier score {report['brier']} "
            f"(base rate {report['brier_base_rate']})"
        )


def languages(data: Data, file: QuestionFile, as_json: AsJson = False) -> None:
    """How well questions in one language find posts in another, beside the same questions in English."""
    from stormpetrel.cli.console import say
    from stormpetrel.evaluation.languages import evaluate_languages
    from stormpetrel.learned_files import ranking_weights

    judged = _open(data, file)
    report = evaluate_languages(*judged, say, ranking_weights(judged.encoder.version))
    if as_json:
        print_json(report)
    else:
        _print_languages(report)


def _print_languages(report: Json) -> None:
    columns = {"map": "mAP", "n": "questions"}
    print_table("question -> posts, default fusion", "pair", columns, {**report["same_language"], **report["pairs"]})
    typer.echo(
        f"two languages: mAP {report['mean_cross']}; the same questions in English: {report['mean_english']}; "
        f"one language: {report['mean_same']}"
    )
    for language, share in report["coverage"].items():
        typer.echo(f"{language}: the word list knows {share:.0%} of the running words")


def saved(
    data: Data,
    file: QuestionFile,
    min_relevance: float | None = typer.Option(None, min=0, max=1, help="What a match must reach; as served, if none."),
    as_json: AsJson = False,
) -> None:
    """How well saved searches match posts as they come, beside a search of all of them by the same threshold."""
    from stormpetrel.cli.console import say
    from stormpetrel.evaluation.event_folds import event_keys
    from stormpetrel.evaluation.saved import evaluate_saved
    from stormpetrel.learned_files import query_relevance
    from stormpetrel.search.percolator.search_block import RelevanceOf
    from stormpetrel.search.relevance import MIN_RELEVANCE

    judged = _open(data, file)
    threshold = MIN_RELEVANCE if min_relevance is None else min_relevance
    relevance = query_relevance(judged.encoder.version)

    def without(events: frozenset[str]) -> RelevanceOf | None:
        return relevance.without(event_keys(events)).of if relevance else None

    report = evaluate_saved(judged.questions, judged.posts, judged.collection, judged.encoder, without, threshold, say)
    if as_json:
        print_json(report)
        return
    figures = ", ".join(f"{name} {report[name]}" for name in ("precision", "recall", "f1", "search_f1"))
    typer.echo(f"{report['questions']} saved searches, decided by {report['decided_by']}: {figures}")
    typer.echo(f"{report['matches']} matches; a batch of posts takes {report['p95_ms']} ms (p95)")
