"""`stormpetrel eval annotation`, `train relevance` and `generate scene`: a simulated analyst, and what it works on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer


def evaluate(
    data: Path = typer.Option(exists=True, file_okay=False, help="Labelled patches or posts, or a folder of such."),
    scene: int = typer.Option(4800, min=0, help="Pixels a side of the generated scene, in steps of 480; 0: none."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """A simulated analyst labels patches (three rounds of ten) and posts (200 of each event); scored on what was never
    asked."""
    from stormpetrel.bootstrap import label_catalogue, open_text_encoder
    from stormpetrel.cli.console import print_json, say
    from stormpetrel.core.settings import Settings
    from stormpetrel.evaluation.annotated_posts import evaluate_posts
    from stormpetrel.evaluation.annotation import evaluate_patches
    from stormpetrel.evaluation.labelled_events import has_events
    from stormpetrel.posts.text.encoder import ensure_text_model

    catalogue = label_catalogue()
    report: dict[str, Any] = {"patches": evaluate_patches(data, catalogue, scene // 480 * 480, say), "posts": {}}
    if has_events(data):
        settings = Settings()
        ensure_text_model(settings.models, settings.text_model.name, say)
        report["posts"] = evaluate_posts(data, open_text_encoder(settings), catalogue, say)
    if as_json:
        print_json(report)
    else:
        _print(report)


def _print(report: dict[str, Any]) -> None:
    from rich.table import Table

    from stormpetrel.cli.console import OUT

    table = Table(
        "set",
        "descriptor",
        "accuracy by round",
        "by chance",
        "AP by round",
        "by chance",
        "one shot",
        title="patches: 10 labels a round",
    )
    for name, found in report["patches"].items():
        for descriptor, one in found["descriptors"].items():
            keys = ("accuracy_by_round", "random_by_round", "ap_by_round", "random_ap_by_round")
            shown = (" ".join(f"{value:.3f}" for value in one[key]) for key in keys)
            table.add_row(name, descriptor, *shown, f"{one['one_shot']:.3f}" if one["one_shot"] is not None else "-")
    OUT.print(table)
    table = Table(
        "set",
        "events",
        "macro F1",
        "labels by chance",
        "no label",
        "all of the half",
        "asked ones counted",
        title="posts: 200 labels an event",
    )
    for name, one in report["posts"].items():
        columns = ("macro_f1", "chance", "unlabelled", "supervised", "whole_event")
        table.add_row(name, str(one["events"]), *(f"{one[key]:.3f}" for key in columns))
    OUT.print(table)


def train(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder like tweets_crisislex: labelled events."),
    out: Path = typer.Option(None, help="Where it goes. [default: config/relevance_prior.json]"),
) -> None:
    """Learn from labelled events what tells the posts of an event from others; API and workers begin with it."""
    from stormpetrel.bootstrap import PRIOR_FILE, open_text_encoder
    from stormpetrel.cli.console import say
    from stormpetrel.core.errors import SetupError
    from stormpetrel.core.settings import Settings
    from stormpetrel.evaluation.annotated_posts import prior_from
    from stormpetrel.evaluation.labelled_events import read_events
    from stormpetrel.learning.training.relevance_model import Prior
    from stormpetrel.posts.text.encoder import ensure_text_model

    settings = Settings()
    ensure_text_model(settings.models, settings.text_model.name, say)
    events = read_events(data, open_text_encoder(settings))
    model = prior_from([event for event in events if event.truth.any() and not event.truth.all()])
    if model is None:
        raise SetupError(f"no event in {data} has posts that are said to belong and posts that do not")
    file = out or PRIOR_FILE
    Prior("related", settings.text_model.name, model, tuple(event.name for event in events)).save(file)
    typer.echo(f"learned from {len(events)} events, {sum(len(event.truth) for event in events)} posts: {file}")


def generate(
    folder: Path = typer.Argument(help="Where the scene goes: radar.tif, optical.tif, truth.tif, classes.json."),
    size: int = typer.Option(4800, min=480, help="Pixels a side, in steps of 480."),
    seed: int = typer.Option(3, help="Another seed makes another scene."),
) -> None:
    """Write a made-up flooded scene with the class of every pixel, as `eval annotation` reads it."""
    from stormpetrel.evaluation.generated_scene import generated_scene
    from stormpetrel.evaluation.labelled_scene import write_scene

    side = size // 480 * 480
    write_scene(generated_scene(side, seed), folder)
    typer.echo(f"{side} x {side} px, 10 m each: {folder}")
