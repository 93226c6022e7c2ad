"""`stormpetrel train gate` and `eval gate`: what live sources let through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_json, print_result
from stormpetrel.cli.tables import print_table

if TYPE_CHECKING:
    from stormpetrel.evaluation.gate_training import GateLearner
    from stormpetrel.posts.gate.word_facts import WordReader

Data = Annotated[
    list[Path], typer.Option(exists=True, file_okay=False, help="A folder like tweets_crisislex; may be repeated.")
]


def train_gate(
    data: Data,
    out: Path = typer.Option(None, help="Where it goes. [default: config/gate.json]"),
    as_json: AsJson = False,
) -> None:
    """Learn which posts of live sources are about a crisis, in any language; sources and workers read it."""
    from stormpetrel.evaluation.gate_training import train_gate as learn_all
    from stormpetrel.posts.gate.model import GATE_FILE

    learner, text_model, reader = _open(data)
    model = learn_all(learner, text_model, reader.names)
    file = out or GATE_FILE
    model.save(file)
    result = {"file": str(file), "posts": len(learner.posts.related), "events": len(model.learned_from)}
    print_result(result, f"learned from {result['posts']:,} posts of {result['events']} events: {file}", as_json)


def gate(data: Data, as_json: AsJson = False) -> None:
    """What the gate passes of related posts and drops of unrelated ones, on events that it did not learn from."""
    from stormpetrel.evaluation.gate import evaluate_gate
    from stormpetrel.posts.gate.words import WordGate

    learner, _, reader = _open(data)
    words, _ = learner.gates()
    report = evaluate_gate(learner, WordGate(reader, words).lets_through)
    if as_json:
        print_json(report)
        return
    columns = {"passed_related": "passed of related", "dropped_unrelated": "dropped of unrelated"}
    columns |= {"related": "related", "unrelated": "unrelated"}
    for title, part in (("events", "by_event"), ("languages", "by_language"), ("kinds left out", "by_kind_left_out")):
        print_table(title, title, columns, report[part])
    curve = {f"{point['passed_related']:.3f}": point for point in report["curve"]}
    moved = {"dropped_unrelated": "dropped of unrelated", "shift": "threshold moved by"}
    print_table("the curve", "passed of related", moved, curve)
    bare = report["without_hazard_words"]
    typer.echo(
        f"{report['passed_related']:.3f} of related posts pass, {report['dropped_unrelated']:.3f} of unrelated ones "
        f"are dropped; without words for hazards {bare['passed_related']:.3f} and {bare['dropped_unrelated']:.3f}; "
        f"{report['posts_per_s']:,} posts/s through the gate by words"
    )


def _open(data: list[Path]) -> tuple[GateLearner, str, WordReader]:
    """What learns from the folders, the text model's name, and what reads words."""
    from stormpetrel.bootstrap import open_word_reader
    from stormpetrel.cli.console import say
    from stormpetrel.cli.system import ensure_models, load_text_encoder
    from stormpetrel.core.embedding_spec import model_name
    from stormpetrel.evaluation.gate_posts import read_gate_posts
    from stormpetrel.evaluation.gate_training import GateLearner
    from stormpetrel.posts.gate.word_facts import HAZARD

    settings = load_settings()
    ensure_models(settings, say)
    encoder, reader = load_text_encoder(settings, say), open_word_reader(settings, own_words=False)
    posts, hazards = read_gate_posts(data, reader, encoder, say), reader.names.index(HAZARD)
    return GateLearner(posts, say, hazards), model_name(encoder.version), reader
