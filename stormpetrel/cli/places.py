"""`stormpetrel places`, `train places` and `eval places`: the gazetteer, the tagger, and how well they find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

DATA_SOURCE = "IDRISI (CC BY 4.0; Suwaileh et al. 2023), names by GeoNames (CC BY 4.0)"


def attach(app: typer.Typer) -> None:
    """Adds the commands about places."""
    places = typer.Typer(help="Names of places and the points they stand for.", no_args_is_help=True)
    places.command("build")(build)
    places.command("resolve")(resolve)
    app.add_typer(places, name="places")


def build() -> None:
    """Make the gazetteer's files, where they are not there yet; a first start does it too."""
    from stormpetrel.cli.console import ERROR
    from stormpetrel.core.settings import Settings
    from stormpetrel.posts.places.gazetteer.build import ensure_gazetteer
    from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer

    settings = Settings()
    with ERROR.status("gazetteer"):
        directory = ensure_gazetteer(settings.cache, settings.places.gazetteer)
    gazetteer = Gazetteer(directory)
    typer.echo(f"{gazetteer.version}: {len(gazetteer):,} names in {directory}")


def resolve(
    text: str = typer.Argument(help="A post's text."),
    language: str = typer.Option(None, help="Its language, as en or it; found out if not given."),
    author_place: str = typer.Option(None, help="Where the author says to be."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Show the places that a text names, the points they are given, and why."""
    from stormpetrel.bootstrap import open_geoparser
    from stormpetrel.cli.console import OUT, print_json
    from stormpetrel.core.settings import Settings
    from stormpetrel.posts.text.language import detect

    geoparser = open_geoparser(Settings())
    spoken = language or detect(text, None)[0]
    places, unresolved = geoparser.resolve(text, geoparser.mentions([text], [spoken])[0], None, author_place, spoken)
    if as_json:
        print_json(
            {
                "places": [place.model_dump(mode="json") for place in places],
                "unresolved_names": [name.model_dump(mode="json") for name in unresolved],
            }
        )
        return
    for place in places:
        point = f"{place.latitude:.3f}, {place.longitude:.3f} within {place.radius_km} km"
        OUT.print(f"{place.name} ({place.kind}, {place.country_code or '-'}): {point}, {place.confidence:.0%} sure")
        OUT.print(f"    {'; '.join(place.why)}")
        for other in place.alternatives:
            OUT.print(f"    or {other.name} ({other.kind}, {other.country_code}): {other.confidence:.0%}")
    for name in unresolved:
        OUT.print(f"{name.name}: no point. {'; '.join(name.why)}")


def train(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder like tweets_idrisi, or of such folders."),
    out: Path = typer.Option(None, help="Where the tagger goes. [default: config/places_tagger]"),
    config: Path = typer.Option(None, exists=True, dir_okay=False, help="A spaCy config. [config/places_tagger.cfg]"),
    card: bool = typer.Option(True, help="Hold whole events out first, for the figures of its card (an hour)."),
) -> None:
    """Train the tagger of place names on marked posts, some ten minutes, and write it with its card."""
    from stormpetrel.bootstrap import TAGGER, open_gazetteer
    from stormpetrel.cli.console import say
    from stormpetrel.core.settings import Settings
    from stormpetrel.evaluation.places import events_of, held_out
    from stormpetrel.posts.places.tagger.labelled_mentions import read_recognition
    from stormpetrel.posts.places.tagger.tagger_files import write_tagger
    from stormpetrel.posts.places.tagger.training import CONFIG_FILE, train_tagger

    gazetteer = open_gazetteer(Settings())
    posts = read_recognition(data)
    events = events_of(posts)
    told: dict[str, Any] = {
        "data": DATA_SOURCE if data.name == "tweets_idrisi" else data.name,
        "gazetteer": gazetteer.version,
        "posts": {event: len(own) for event, own in sorted(events.items())},
        "held_out": held_out(events, gazetteer, say) if card else None,
    }
    directory = out or TAGGER
    write_tagger(directory, train_tagger(posts, gazetteer, say, config or CONFIG_FILE), posts, told)
    typer.echo(f"learned from {len(posts):,} posts of {len(events)} events: {directory}")


def evaluate(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder like tweets_idrisi or tweets_geocorpora."),
    plain: bool = typer.Option(False, help="Train a plain spaCy tagger too, as a baseline (half an hour)."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """How well names of places are found on events that the tagger never saw, and how near their points are."""
    from stormpetrel.bootstrap import TAGGER
    from stormpetrel.cli.console import OUT, print_json, say
    from stormpetrel.core.settings import Settings
    from stormpetrel.evaluation.places import evaluate as measured
    from stormpetrel.posts.places.gazetteer.build import ensure_gazetteer

    settings = Settings()
    directory = ensure_gazetteer(settings.cache, settings.places.gazetteer)
    report = measured(data, directory, settings.places.tagger or TAGGER, say, plain)
    if as_json:
        print_json(report)
        return
    from rich.table import Table

    table = Table("event", "precision", "recall", "F1", title="names, exact spans")
    found = report["recognition"]
    for event, scores in [*found["by_event"].items(), ("all", found["exact"]), ("all, overlapping", found["overlap"])]:
        table.add_row(event, *(f"{scores[key]:.3f}" for key in ("p", "r", "f1")))
    for name, baseline in report["baselines"].items():
        table.add_row(name.replace("_", " "), *(f"{baseline['exact'][key]:.3f}" for key in ("p", "r", "f1")))
    OUT.print(table)
    if report["resolution"]:
        points = report["resolution"]
        OUT.print(
            f"points: {points['acc161']:.3f} within 161 km of the {points['answered']:.0%} answered "
            f"({points['acc161_of_all']:.3f} of all), median {points['median_km']} km, "
            f"in the box {points['in_box']}, MRR@5 {points['mrr5']}"
        )
    OUT.print(
        f"{report['posts_per_s']:.0f} posts/s on one core, {report['rss_mib']:.0f} MiB, ready in {report['ready_s']} s"
    )
