"""`stormpetrel eval`: measure the system on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_json
from stormpetrel.cli.tables import print_table
from stormpetrel.core.errors import SetupError

Json = dict[str, Any]


def retrieval(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder of labelled posts, or of such folders."),
    queries: int = typer.Option(300, min=10, help="The most queries of a set."),
    as_json: AsJson = False,
) -> None:
    """Every modality and every fusion on a test collection: P@10, mAP, nDCG@10, significance, latency."""
    from stormpetrel.bootstrap import open_geoparser
    from stormpetrel.cli.console import say
    from stormpetrel.cli.system import load_text_encoder
    from stormpetrel.evaluation.patch_retrieval import evaluate_patch_sets
    from stormpetrel.evaluation.retrieval import evaluate
    from stormpetrel.evaluation.test_collections import read_collections
    from stormpetrel.learned_files import ranking_weights

    sets = evaluate_patch_sets(data)
    collections = read_collections(data, queries, may_be_none=bool(sets))
    version = None
    if collections:
        settings = load_settings()
        encoder, geoparser = load_text_encoder(settings, say), open_geoparser(settings)
        version = encoder.version
        weights, depth = ranking_weights(version), settings.api.list_depth
        for collection in collections:
            sets[collection.name] = evaluate(collection, encoder, geoparser, depth, weights, say)
    if as_json:
        print_json({"sets": sets, "text_model": version})
    else:
        for name, report in sets.items():
            _print_retrieval(name, report)


def _print_retrieval(name: str, report: Json) -> None:
    methods = dict(sorted(report["methods"].items(), key=lambda pair: -pair[1]["map"]))
    columns = {"p10": "P@10", "map": "mAP", "ndcg10": "nDCG@10", "p95_ms": "p95 ms"}
    print_table(f"{name}, {report['queries']} queries", "method", columns, methods)
    typer.echo(
        f"{report['fused']} against {report['best_single']}: p = {report['p_vs_best_single']}; against rrf: "
        f"p = {report['p_vs_rrf']}; loses more than .05 AP on {100 * report['lost_share']:.1f} % of queries\n"
    )


def photos(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder like CrisisMMD_v2.0, with its photos."),
    queries: int = typer.Option(300, min=10, help="The most queries."),
    as_json: AsJson = False,
) -> None:
    """Visual features, concepts and every fusion on posts with labelled photos, and the relevance of photos."""
    from stormpetrel.bootstrap import open_geoparser, open_text_encoder, open_visual_model
    from stormpetrel.cli.console import say
    from stormpetrel.cli.system import ensure_models
    from stormpetrel.evaluation.crisismmd import read_photo_set
    from stormpetrel.evaluation.photos import evaluate_photos

    photo_set = read_photo_set(data)  # before the models are at work: a fault in the folder is told at once
    settings = load_settings()
    ensure_models(settings, say)
    models = open_text_encoder(settings), open_visual_model(settings)
    report = evaluate_photos(photo_set, queries, models, open_geoparser(settings), say)
    if as_json:
        print_json(report)
    else:
        _print_photos(report)


def _print_photos(report: Json) -> None:
    counts = report["photos"]
    if not report["understands_photos"]:
        typer.echo("colours alone, no visual model: set visual_model.name to a CLIP model to score what photos show")
    typer.echo(
        f"{counts['photos']} photos are annotated, {counts['missing']} are missing, "
        f"{counts['unreadable']} cannot be read, {counts['used']} posts are used"
    )
    _print_retrieval(f"photos, {report['visual_model']}", report)
    typer.echo(f"{report['fused']} with photos against the same without: p = {report['p_of_photos']}")
    if relevance := report["relevance"]:
        typer.echo(
            f"relevance of photos: average precision {relevance['ap']:.3f} where {relevance['share']:.3f} of "
            f"{relevance['photos']} photos show a flood"
        )


def patches(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder of labelled patches or scenes, or of such."),
    as_json: AsJson = False,
) -> None:
    """Patch retrieval by land cover for S1, S2 and fused descriptors; water against masks and hand-drawn labels."""
    from stormpetrel.evaluation.patches import evaluate

    report = evaluate(data)
    if as_json:
        print_json(report)
        return
    columns = {"patches": "patches", "images": "images", "sar": "S1 mAP", "ms": "S2 mAP", "fused": "fused mAP"}
    print_table("patch retrieval by label", "set", columns, report["sets"])
    columns = {"iou": "IoU", "precision": "precision", "recall": "recall"}
    print_table("water", "scene", columns, report["new_water"])
    _print_water(report["water"])


def _print_water(images: Json) -> None:
    """One row an image and sensor, and below what the masks are."""
    columns = {"iou": "IoU", "precision": "precision", "recall": "recall", "brier": "Brier score"}
    rows = {f"{name}, {sensor}": each[sensor] for name, each in images.items() for sensor in ("radar", "both")}
    scored = {name: figures for name, figures in rows.items() if figures}
    if scored:
        print_table("water as a probability, images left out", "image", columns, scored)
    for name, each in images.items():
        typer.echo(f"{name}: against {each['against']}" + (f"; {each['reason']}" if "reason" in each else ""))


def places(
    data: Path = typer.Option(None, exists=True, file_okay=False, help="A folder like tweets_idrisi."),
    sentences: Path = typer.Option(None, exists=True, file_okay=False, help="Yours for config/place_sentences."),
    plain: bool = typer.Option(False, help="Train a plain spaCy tagger too, as a baseline (half an hour)."),
    as_json: AsJson = False,
) -> None:
    """How well names are recognised: on marked sentences in ten languages, and on events that the tagger never saw; how
    near their points are, and their roles. Without a folder, on the sentences alone."""
    from stormpetrel.bootstrap import TAGGER
    from stormpetrel.cli.console import say
    from stormpetrel.evaluation.place_roles import has_labelled_names, role_report
    from stormpetrel.evaluation.place_sentences import SENTENCES, sentence_report
    from stormpetrel.evaluation.places import evaluate
    from stormpetrel.posts.places.gazetteer.build import ensure_gazetteer
    from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer

    if plain and not data:
        raise SetupError("--plain trains on labelled posts; give a folder of them with --data")
    settings = load_settings()
    tagger, directory = settings.places.tagger or TAGGER, ensure_gazetteer(settings.cache, settings.places.gazetteer)
    report: Json = {
        "recognition_by_language": sentence_report(Gazetteer(directory), tagger, sentences or SENTENCES),
        "roles": role_report(data) if data else None,
    }
    if data and (report["roles"] is None or has_labelled_names(data)):
        report |= evaluate(data, directory, tagger, say, plain)
    if as_json:
        print_json(report)
        return
    _print_sentences(report["recognition_by_language"])
    if "recognition" in report:
        _print_places(report)
    if report["roles"]:
        _print_roles(report["roles"])


def _print_sentences(report: Json) -> None:
    columns = {"precision": "precision", "recall": "recall", "f1": "F1", "f1_detected": "F1, language detected"}
    columns |= {"n": "sentences", "names": "names"}
    print_table("names in marked sentences, exact spans", "language", columns, report)


def _print_roles(report: Json) -> None:
    figures = [
        f"{role}: precision {report[role]['precision']:.3f}, recall {report[role]['recall']:.3f}"
        for role in ("affected", "mentioned")
    ]
    typer.echo(
        f"roles of {report['places']} places in {report['posts']} posts: {'; '.join(figures)} "
        f"(precision of affected if all were: {report['all_affected']:.3f})"
    )
    if report["posts_elsewhere"]:
        typer.echo(f"{report['posts_elsewhere']} labelled posts are not in this folder; give the folder above it")


def _print_places(report: Json) -> None:
    recognition = report["recognition"]
    by_name = {**recognition["by_event"], "all": recognition["exact"], "all, overlapping": recognition["overlap"]}
    by_name |= {name.replace("_", " "): baseline["exact"] for name, baseline in report["baselines"].items()}
    print_table("names, exact spans", "event", {"p": "precision", "r": "recall", "f1": "F1"}, by_name)
    if points := report["resolution"]:
        in_box = "unknown" if points["in_box"] is None else f"{points['in_box']:.0%}"
        typer.echo(
            f"points: {points['acc161']:.0%} within 161 km of the {points['answered']:.0%} answered "
            f"({points['acc161_of_all']:.0%} of all), median {points['median_km']} km, "
            f"in the place's box {in_box}, MRR@5 {points['mrr5']}"
        )
    typer.echo(
        f"{report['posts_per_s']:.0f} posts/s on one core, {report['rss_mib']:.0f} MiB, ready in {report['ready_s']} s"
    )


def annotation(
    data: Path = typer.Option(exists=True, file_okay=False, help="Labelled patches or posts, or a folder of such."),
    scene: int = typer.Option(4800, min=0, help="Pixels a side of the generated scene, in steps of 480; 0: none."),
    as_json: AsJson = False,
) -> None:
    """A simulated analyst labels patches (three rounds of ten) and posts (200 an event); scored on the other half."""
    from stormpetrel.bootstrap import label_catalogue
    from stormpetrel.cli.console import say
    from stormpetrel.cli.system import load_text_encoder
    from stormpetrel.evaluation.annotated_posts import evaluate_posts
    from stormpetrel.evaluation.annotation import evaluate_patches
    from stormpetrel.evaluation.labelled_events import has_events

    catalogue = label_catalogue()
    report: Json = {"patches": evaluate_patches(data, catalogue, scene // 480 * 480, say), "posts": {}}
    if has_events(data):
        report["posts"] = evaluate_posts(data, load_text_encoder(load_settings(), say), catalogue, say)
    if as_json:
        print_json(report)
    else:
        _print_annotation(report)


def _print_annotation(report: Json) -> None:
    descriptors = {
        f"{name}, {descriptor}": scores
        for name, patches in report["patches"].items()
        for descriptor, scores in patches["descriptors"].items()
    }
    columns = {
        "accuracy_by_round": "accuracy by round",
        "random_by_round": "at random",
        "ap_by_round": "AP by round",
        "random_ap_by_round": "at random",
        "one_shot": "one shot",
    }
    print_table("patches: 10 labels a round", "set, descriptor", columns, descriptors)
    columns = {
        "events": "events",
        "macro_f1": "macro F1",
        "chance": "random labels",
        "unlabelled": "no label",
        "supervised": "all of the pool",
        "whole_event": "labels counted too",
    }
    print_table("posts: 200 labels an event", "set", columns, report["posts"])
