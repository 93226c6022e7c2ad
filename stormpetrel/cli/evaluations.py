"""`stormpetrel eval`: measures on judged real data, as a table or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer


def attach(app: typer.Typer) -> None:
    """Adds the evaluations."""
    evaluations = typer.Typer(help="Measure on judged real data.", no_args_is_help=True)
    evaluations.callback()(lambda: None)
    evaluations.command("retrieval")(retrieval)
    app.add_typer(evaluations, name="eval")


def retrieval(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder of labelled posts, or of such folders."),
    queries: int = typer.Option(300, min=10, help="The most queries a set asks."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Every modality and every fusion on judged queries: P@10, mAP, nDCG@10, significance, latency."""
    from stormpetrel.cli.console import print_json, say
    from stormpetrel.evaluation.judged import read_sets
    from stormpetrel.evaluation.retrieval import evaluate
    from stormpetrel.models import ensure_exported
    from stormpetrel.places.gazetteer import default_gazetteer
    from stormpetrel.places.resolver import PlaceFinder
    from stormpetrel.settings import Settings
    from stormpetrel.text.encoder import TextEncoder

    settings = Settings()
    model = ensure_exported(settings.models, settings.text_model.name, say)
    encoder = TextEncoder(model, settings.text_model.batch_size, settings.text_model.threads)
    places = PlaceFinder(default_gazetteer())
    sets = {judged.name: evaluate(judged, encoder, places, say) for judged in read_sets(data, queries)}
    if as_json:
        print_json({"sets": sets, "text_model": encoder.version})
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
