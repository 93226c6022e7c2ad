"""The console command: the composition root that wires settings to processes. No other package imports it.

Imports stay inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import typer

from stormpetrel.core.errors import StormpetrelError


def build_app() -> typer.Typer:
    """The command line with all its commands."""
    from stormpetrel.cli import (
        alerting,
        checks,
        demo,
        evaluations,
        forget,
        gate_evaluations,
        imagery,
        incident_evaluations,
        incidents,
        keys,
        lexicon,
        models,
        pictures,
        places,
        processes,
        question_evaluations,
        search,
        sources,
        stores,
        topics,
        training,
    )

    app = typer.Typer(
        name="stormpetrel",
        help="Social posts and Sentinel imagery, found together, nearly in real time.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    _add(app, demo=demo.demo, up=processes.up, down=processes.down, worker=processes.worker, serve=processes.serve)
    _add(app, bench=processes.bench, search=search.search, verify=checks.verify, lag=checks.lag, doctor=checks.doctor)
    _add(app, pictures=pictures.pictures, rebuild=stores.rebuild)
    _add(app, forget=forget.forget)
    groups = {
        "consume": _group(
            "Consumers that write in bulk, do long work, find incidents, or tell of them.",
            index=processes.consume_index,
            scenes=processes.consume_scenes,
            detect=processes.consume_detect,
            notify=processes.consume_notify,
            photos=processes.consume_photos,
        ),
        "alerting": _group("Who is told of incidents.", test=alerting.test, explain=alerting.explain),
        "incidents": _group("What is happening.", list=incidents.list_incidents, show=incidents.show),
        "sources": _group(
            "Bring posts and products in.",
            run=sources.run,
            list=sources.list_sources,
            rules=sources.rules,
            replay=sources.replay,
            announce=sources.announce,
        ),
        "topics": _group("The topics.", apply=topics.apply, list=topics.list_topics),
        "dead": _group(
            "Records that could not be processed.",
            list=topics.list_dead,
            replay=topics.replay_dead,
            purge=topics.purge_dead,
        ),
        "keys": _group("Who may use the API.", add=keys.add, list=keys.list_keys, revoke=keys.revoke),
        "schemas": _group("The published contract of the topics.", export=topics.export_schemas),
        "model": _group(
            "The models: export them once, check them.", export=models.export, check=models.check, earth=models.earth
        ),
        "imagery": _group("What the detection of water is given.", prior=imagery.prior),
        "lexicon": _group(
            "Word lists that gloss texts in other languages.", add=lexicon.add, coverage=lexicon.coverage
        ),
        "places": _group("Place names and the points they stand for.", build=places.build, resolve=places.resolve),
        "eval": _group(
            "Measure on labelled real data.",
            retrieval=evaluations.retrieval,
            photos=evaluations.photos,
            questions=question_evaluations.questions,
            saved=question_evaluations.saved,
            languages=question_evaluations.languages,
            patches=evaluations.patches,
            places=evaluations.places,
            annotation=evaluations.annotation,
            alerts=incident_evaluations.alerts,
            gate=gate_evaluations.gate,
        ),
        "train": _group(
            "Learn from labelled real data.",
            ranking=training.train_ranking,
            places=training.train_places,
            relevance=training.train_relevance,
            water=training.train_water,
            resolver=training.train_resolver,
            kinds=incident_evaluations.train_kinds,
            incidents=incident_evaluations.train_incidents,
            gate=gate_evaluations.train_gate,
        ),
        "generate": _group("Write generated data whose truth is known.", scene=training.generate_scene),
    }
    for name, group in groups.items():
        app.add_typer(group, name=name)
    local = _group(
        "Servers of the local stack.",
        vectors=processes.serve_vectors,
        optimise=processes.optimise_shard,
        alerts=processes.serve_alerts,
    )
    app.add_typer(local, name="local", hidden=True)
    return app


def _group(help_text: str, **commands: Callable[..., Any]) -> typer.Typer:
    """`stormpetrel NAME COMMAND` for each of the commands."""
    group = typer.Typer(help=help_text, no_args_is_help=True)
    group.callback()(lambda: None)  # without it typer makes a lone command the group itself
    _add(group, **commands)
    return group


def _add(group: typer.Typer, **commands: Callable[..., Any]) -> None:
    for name, command in commands.items():
        group.command(name)(command)


def main() -> None:
    """Runs the command line. Exit codes: 0 done, 1 failed, 2 something is missing or misused, 3 a check failed."""
    try:
        build_app()()
    except StormpetrelError as error:
        typer.secho(f"stormpetrel: {error}", err=True, fg="red" if sys.stderr.isatty() else None)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
