"""`stormpetrel eval alerts`, `train kinds` and `train incidents`: incidents found in labelled events."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_json, print_result
from stormpetrel.cli.tables import print_table

if TYPE_CHECKING:
    from stormpetrel.core.settings import Settings
    from stormpetrel.evaluation.enriched_events import EnrichedSets
    from stormpetrel.posts.text.encoder import TextEncoder

Json = dict[str, Any]
Data = Annotated[
    list[Path],
    typer.Option("--data", exists=True, file_okay=False, help="A folder like tweets_crisislex; may be repeated."),
]
Truth = Annotated[
    list[Path],
    typer.Option("--truth", exists=True, dir_okay=False, help="JSON lines like those of alert_truth; may be repeated."),
]
Background = Annotated[
    list[Path] | None,
    typer.Option("--background", exists=True, file_okay=False, help="A folder whose unrelated posts play too."),
]


def alerts(
    data: Data,
    truth: Truth,
    background: Background = None,
    times: float = typer.Option(0.0, min=0, max=1000, help="Unrelated posts for each related one."),
    as_json: AsJson = False,
) -> None:
    """Play labelled events through the detector: which are found, how soon, and what is a false alarm."""
    from stormpetrel.cli.console import say
    from stormpetrel.core.errors import SetupError
    from stormpetrel.evaluation.alert_sets import read_played_events, unrelated_posts
    from stormpetrel.evaluation.alert_streams import one_by_one, several_at_once
    from stormpetrel.evaluation.alerts import evaluate_alerts
    from stormpetrel.evaluation.held_out_kinds import HeldOutKinds
    from stormpetrel.incidents import LearnedConfidence
    from stormpetrel.posts.event_kinds import kinds_for

    if bool(background) != bool(times):
        raise SetupError("a background needs both: --background DIR and --times N")
    confidence = LearnedConfidence.load()  # before the models are at work: a missing file is told at once
    sets, encoder, english = _open(load_settings())
    kinds = kinds_for(encoder.version)
    if kinds is None:
        raise SetupError("the kinds of events are not learned for this text model: stormpetrel train kinds --data DIR")
    events = read_played_events(data, truth, sets)
    others = unrelated_posts(background or [], sets)
    relevance = HeldOutKinds(kinds, english)
    streams = {"one_by_one": one_by_one(events, others, times), "three_at_once": several_at_once(events, others, times)}
    report = evaluate_alerts(streams, confidence, relevance.of, english, say)
    if as_json:
        print_json(report)
    else:
        _print_alerts(report)


def _open(settings: Settings) -> tuple[EnrichedSets, TextEncoder, Callable[[str], str]]:
    """What enriches sets, the text model, and what reads a text in English."""
    from stormpetrel.bootstrap import TAGGER, open_gazetteer, open_geoparser, open_glosser
    from stormpetrel.cli.console import say
    from stormpetrel.cli.system import ensure_models, load_text_encoder
    from stormpetrel.core.settings import CONFIG_DIRECTORY
    from stormpetrel.evaluation.enriched_events import EnrichedSets, files_digest
    from stormpetrel.posts.enrichment import Enricher
    from stormpetrel.posts.text.duplicates import DuplicateWindow

    ensure_models(settings, say)
    encoder, glosser = load_text_encoder(settings, say), open_glosser(settings)

    def open_enricher() -> Enricher:
        window = DuplicateWindow(settings.worker.duplicate_window, settings.worker.duplicate_similarity)
        return Enricher(encoder, open_geoparser(settings, learns=True), window, glosser=glosser)

    @cache
    def english(text: str) -> str:
        return glosser.gloss(text).text

    configured = [CONFIG_DIRECTORY / name for name in ("place_resolver", "place_roles.yaml", "place_names.yaml")]
    digest = files_digest([settings.places.tagger or TAGGER, *configured, CONFIG_DIRECTORY / "not_places.txt"])
    models = (encoder.version, open_gazetteer(settings).version, digest)
    return EnrichedSets(settings.cache / "enriched", models, open_enricher, say), encoder, english


def _print_alerts(report: Json) -> None:
    runs = {"one by one": report, **report["runs"]}
    runs |= {name.replace("_", " "): baseline for name, baseline in report["baselines"].items()}
    columns = {
        "precision": "precision",
        "recall": "recall",
        "f1": "F1",
        "median_minutes_to_alert": "median minutes",
        "duplicates": "duplicates",
        "false_alarms_per_week": "false alarms a week",
    }
    print_table(f"{report['events']} events", "run", columns, runs)
    by_posts = ", ".join(f"{share:.2f} by {count}" for count, share in report["recall_by_posts_seen"].items())
    typer.echo(f"recall by related, located posts seen: {by_posts}; expected calibration error {report['ece']}")
    columns = {"kind": "kind", "minutes": "minutes", "posts_seen": "posts seen"}
    print_table("events", "event", columns, report["by_event"])


def train_kinds(
    data: Data,
    out: Path = typer.Option(None, help="Where the model goes. [default: config/event_kinds.json]"),
    as_json: AsJson = False,
) -> None:
    """Learn what tells posts about floods, storms, earthquakes and wildfires from others, in any language."""
    from stormpetrel.cli.console import say
    from stormpetrel.core.embedding_spec import model_name
    from stormpetrel.evaluation.alert_sets import labelled_files
    from stormpetrel.evaluation.kind_training import examples_of
    from stormpetrel.evaluation.kind_training import train_kinds as learn_all
    from stormpetrel.posts.event_kinds import KINDS_FILE

    sets, encoder, english = _open(load_settings())
    files = [file for folder in data for file in labelled_files(folder)]
    examples = examples_of({file.stem: sets.posts(file) for file in files}, english)
    model, report = learn_all(examples, model_name(encoder.version), say)
    file = out or KINDS_FILE
    model.save(file)
    shares = ", ".join(f"{kind} {figures['ap']:.3f}" for kind, figures in report.items())
    text = f"average precision on events left out: {shares}: {file}"
    print_result({"file": str(file), "posts": len(examples.rows), "held_out": report}, text, as_json)


def train_incidents(
    data: Data,
    truth: Truth,
    background: Background = None,
    times: float = typer.Option(0.0, min=0, max=1000, help="Unrelated posts for each related one."),
    out: Path = typer.Option(None, help="Where it goes. [default: config/incident_confidence.json]"),
    as_json: AsJson = False,
) -> None:
    """Learn how probable it is that a burst of posts is a real incident; learn the kinds first."""
    from stormpetrel.cli.console import say
    from stormpetrel.evaluation.alert_sets import labelled_files, read_played_events, unrelated_posts
    from stormpetrel.evaluation.alert_streams import one_by_one, several_at_once
    from stormpetrel.evaluation.held_out_kinds import NestedKinds
    from stormpetrel.evaluation.incident_training import train_incidents as learn_all
    from stormpetrel.evaluation.incident_training import weights_by_feature
    from stormpetrel.evaluation.kind_training import examples_of
    from stormpetrel.incidents.confidence import CONFIDENCE_FILE

    sets, _, english = _open(load_settings())
    events, others = read_played_events(data, truth, sets), unrelated_posts(background or [], sets)
    files = [file for folder in data for file in labelled_files(folder)]
    examples = examples_of({file.stem: sets.posts(file) for file in files}, english)
    kinds = NestedKinds(examples, english)
    streams = [one_by_one(events, others, times), several_at_once(events, others, times)]
    confidence = learn_all(streams, kinds.folds, kinds.without, english, say)
    file = out or CONFIDENCE_FILE
    confidence.save(file)
    weights = weights_by_feature(confidence)
    print_result({"file": str(file), "weights": weights}, f"learned from {len(events)} events: {file}", as_json)
