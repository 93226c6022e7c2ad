"""`stormpetrel eval`, `train` and `generate`: measure on judged data, learn from it, make some."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from stormpetrel.cli import annotation, places

if TYPE_CHECKING:
    from stormpetrel.posts.places.geoparser.geoparser import Geoparser
    from stormpetrel.posts.text.encoder import TextEncoder


def attach(app: typer.Typer) -> None:
    """Adds the evaluations."""
    evaluations = typer.Typer(help="Measure on judged real data.", no_args_is_help=True)
    evaluations.callback()(lambda: None)
    evaluations.command("retrieval")(retrieval)
    evaluations.command("patches")(patches)
    evaluations.command("places")(places.evaluate)
    evaluations.command("annotation")(annotation.evaluate)
    app.add_typer(evaluations, name="eval")
    training = typer.Typer(help="Learn from judged real data.", no_args_is_help=True)
    training.callback()(lambda: None)
    training.command("fusion")(train_fusion_weights)
    training.command("places")(places.train)
    training.command("relevance")(annotation.train)
    app.add_typer(training, name="train")
    generating = typer.Typer(help="Write made-up data whose truth is known.", no_args_is_help=True)
    generating.callback()(lambda: None)
    generating.command("scene")(annotation.generate)
    app.add_typer(generating, name="generate")


def train_fusion_weights(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder of labelled posts, or of such folders."),
    sets: str = typer.Option("", help="Only these sets of the folder, by name, with commas between them."),
    queries: int = typer.Option(300, min=10, help="The most queries a set asks; twice as many more teach."),
    out: Path = typer.Option(None, help="Where the weights go. [default: config/fusion_weights.json]"),
) -> None:
    """Learn the weights of adaptive fusion from judged posts; the API takes them when it starts."""
    from stormpetrel.bootstrap import FUSION_FILE
    from stormpetrel.cli.console import say
    from stormpetrel.core.errors import SetupError
    from stormpetrel.evaluation.retrieval import MODALITIES
    from stormpetrel.evaluation.test_collections import read_sets
    from stormpetrel.evaluation.training_queries import train_fusion

    wanted = {name.strip() for name in sets.split(",") if name.strip()}
    judged = [found for found in read_sets(data, queries) if not wanted or found.name in wanted]
    missing = wanted - {found.name for found in judged}
    if missing:
        raise SetupError(f"no judged posts in {data} are called {', '.join(sorted(missing))}")
    encoder, geoparser = _tools(say)
    file = out or FUSION_FILE
    train_fusion(judged, encoder, geoparser, MODALITIES, say).save(file)
    typer.echo(f"learned from {', '.join(found.name for found in judged)}: {file}")


def _tools(say: Callable[[str], None]) -> tuple[TextEncoder, Geoparser]:
    from stormpetrel.bootstrap import open_geoparser, open_text_encoder
    from stormpetrel.core.settings import Settings
    from stormpetrel.posts.text.encoder import ensure_text_model

    settings = Settings()
    ensure_text_model(settings.models, settings.text_model.name, say)
    return open_text_encoder(settings), open_geoparser(settings)


def retrieval(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder of labelled posts, or of such folders."),
    queries: int = typer.Option(300, min=10, help="The most queries a set asks."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Every modality and every fusion on judged queries: P@10, mAP, nDCG@10, significance, latency."""
    from stormpetrel.cli.console import print_json, say
    from stormpetrel.evaluation.patch_retrieval import evaluate_patch_sets
    from stormpetrel.evaluation.retrieval import evaluate
    from stormpetrel.evaluation.test_collections import read_sets

    sets = evaluate_patch_sets(data)
    judged_sets = read_sets(data, queries, may_be_none=bool(sets))
    version = None
    if judged_sets:
        encoder, geoparser = _tools(say)
        version = encoder.version
        sets |= {judged.name: evaluate(judged, encoder, geoparser, say) for judged in judged_sets}
    if as_json:
        print_json({"sets": sets, "text_model": version})
    else:
        for name, report in sets.items():
            _print(name, report)


def _print(name: str, report: dict[str, Any]) -> None:
    from rich.table import Table

    from stormpetrel.cli.console import OUT

    table = Table("method", "P@10", "mAP", "nDCG@10", "p95 ms", title=f"{name}, {report['queries']} queries")
    for method, found in sorted(report["methods"].items(), key=lambda pair: -pair[1]["map"]):
        table.add_row(method, *(f"{found[key]:.3f}" for key in ("p10", "map", "ndcg10", "p95_ms")))
    OUT.print(table)
    OUT.print(
        f"{report['fused']} against {report['best_single']}: p = {report['p_vs_best_single']}; against rrf: "
        f"p = {report['p_vs_rrf']}; loses more than .05 AP on {100 * report['lost_share']:.1f} % of queries\n"
    )


def patches(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder of labelled patches or scenes, or of such."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Patch retrieval by land cover for S1, S2 and fused descriptors; water against masks and hand-drawn labels."""
    from stormpetrel.cli.console import OUT, print_json
    from stormpetrel.evaluation.patches import evaluate

    report = evaluate(data)
    if as_json:
        print_json(report)
        return
    from rich.table import Table

    table = Table("set", "patches", "images", "S1 mAP", "S2 mAP", "fused mAP", title="patch retrieval by label")
    for name, found in report["sets"].items():
        figures = ("-" if found[key] is None else f"{found[key]:.3f}" for key in ("sar", "ms", "fused"))
        table.add_row(name, str(found["patches"]), str(found["images"]), *figures)
    OUT.print(table)
    table = Table("scene", "IoU", "precision", "recall", title="water")
    for name, found in report["new_water"].items():
        table.add_row(name, *(f"{found[key]:.3f}" for key in ("iou", "precision", "recall")))
    OUT.print(table)
