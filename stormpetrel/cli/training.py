"""`stormpetrel train` and `generate`: learn from labelled data, and write data whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_result
from stormpetrel.core.errors import SetupError

TEMPLATES_SOURCE = "; sentences of the project (config/place_templates)"
PLACES_SOURCE = "IDRISI (CC BY 4.0; Suwaileh et al. 2023), names by GeoNames (CC BY 4.0)"


class Taggers(StrEnum):
    """Which taggers of place names are trained."""

    ALL = "all"
    ENGLISH = "english"
    LANGUAGES = "languages"


def train_ranking(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder of labelled posts, or of such folders."),
    file: Path = typer.Option(..., "--questions", exists=True, dir_okay=False, help="JSON lines of judged questions."),
    asked_of: str = typer.Option("tweets_crisislex", help="The set that the questions are asked of."),
    sets: str = typer.Option("", help="Only these sets of the folder, by name, with commas between them."),
    queries: int = typer.Option(300, min=10, help="The most posts of a set that are queries."),
    comparison: bool = typer.Option(True, help="Compare with the other fusions on the events left out."),
    out: Path = typer.Option(None, file_okay=False, help="The folder of both files. [default: config]"),
    as_json: AsJson = False,
) -> None:
    """Learn the weights of the learned tensor, and relevance to a query; the API reads them when it starts."""
    from functools import partial

    from stormpetrel.bootstrap import open_gazetteer, open_geoparser, open_glosser
    from stormpetrel.cli.console import say
    from stormpetrel.cli.system import load_text_encoder
    from stormpetrel.evaluation.judged_queries import EvaluatedSet, judged_queries
    from stormpetrel.evaluation.modalities import Collection
    from stormpetrel.evaluation.questions import read_questions
    from stormpetrel.evaluation.ranking_comparison import compare
    from stormpetrel.evaluation.ranking_training import train_ranking as train
    from stormpetrel.evaluation.test_collections import read_collections
    from stormpetrel.learned_files import FUSION_FILE, RELEVANCE_FILE
    from stormpetrel.search.place_names import PlaceNames

    names = {name.strip() for name in sets.split(",") if name.strip()}
    collections = [each for each in read_collections(data, queries) if not names or each.name in names]
    if missing := (names | {asked_of}) - {collection.name for collection in collections}:
        raise SetupError(f"no labelled posts in {data} are called {', '.join(sorted(missing))}")
    settings = load_settings()
    depth, places = settings.api.list_depth, PlaceNames(partial(open_gazetteer, settings))
    glosser = open_glosser(settings)
    (asked,) = (tests for tests in collections if tests.name == asked_of)
    # Before the models are at work: a fault in the file is told at once.
    questions = {asked_of: read_questions(file, asked.posts, places, depth, glosser)}
    encoder, geoparser, judged = load_text_encoder(settings, say), open_geoparser(settings), []
    for tests in collections:
        collection = Collection(tests.posts, encoder, geoparser, glosser)
        judged += judged_queries(EvaluatedSet(tests, collection, questions.get(tests.name, ())), encoder, depth, say)
    sources = [tests.name for tests in collections]
    ranking = train(judged, encoder.version, sources, say)
    files = [(out or default.parent) / default.name for default in (FUSION_FILE, RELEVANCE_FILE)]
    ranking.weights.save(files[0])
    ranking.relevance.save(files[1])
    result = {"files": list(map(str, files)), "trained_on": sources, "queries": len(judged)}
    report = compare(judged, ranking, say) if comparison else {}
    text = f"trained on {', '.join(sources)}: {', '.join(map(str, files))}"
    print_result({**result, **report}, text, as_json)


def train_places(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder like tweets_idrisi, or of such folders."),
    out: Path = typer.Option(None, help="Where the English tagger goes. [default: config/places_tagger]"),
    only: Taggers = typer.Option(Taggers.ALL, help="English, the other languages, or all of them."),
    card: bool = typer.Option(True, help="Hold whole events out first, for the figures of the card (an hour)."),
    as_json: AsJson = False,
) -> None:
    """Train the taggers of place names, and write them with their cards: for English (some ten minutes), and, in a
    folder beside it, for all other languages (some minutes)."""
    from stormpetrel.bootstrap import TAGGER, open_gazetteer
    from stormpetrel.cli.console import say
    from stormpetrel.evaluation.places import held_out, posts_by_event
    from stormpetrel.posts.places.tagger.labelled_mentions import read_recognition
    from stormpetrel.posts.places.tagger.language_training import train_language_tagger
    from stormpetrel.posts.places.tagger.pipeline import languages_folder
    from stormpetrel.posts.places.tagger.tagger_files import write_tagger
    from stormpetrel.posts.places.tagger.training import train_tagger

    gazetteer, posts = open_gazetteer(load_settings()), read_recognition(data)
    directory = out or TAGGER
    others = [post for post in posts if post.language != "en"]
    source = PLACES_SOURCE if data.name == "tweets_idrisi" else data.name
    parts: list[tuple[Taggers, Any, Any, Path, str]] = [
        (Taggers.ENGLISH, posts, train_tagger, directory, source),
        (Taggers.LANGUAGES, others, train_language_tagger, languages_folder(directory), source + TEMPLATES_SOURCE),
    ]
    written = []
    for part, chosen, train, folder, fields in parts:
        if only not in (Taggers.ALL, part):
            continue
        if not chosen:
            raise SetupError(f"{data} has no posts for the tagger of: {part.value}. Train the other with --only")
        by_event = posts_by_event(chosen)
        card_fields: dict[str, Any] = {
            "data": fields,
            "gazetteer": gazetteer.version,
            "posts": {event: len(event_posts) for event, event_posts in sorted(by_event.items())},
            "held_out": held_out(by_event, gazetteer, say) if card else None,
        }
        write_tagger(folder, train(chosen, gazetteer, say), chosen, card_fields)
        written.append({"directory": str(folder), "posts": len(chosen), "events": len(by_event)})
    lines = [f"trained on {each['posts']:,} posts of {each['events']} events: {each['directory']}" for each in written]
    print_result({"taggers": written}, "\n".join(lines), as_json)


def train_resolver(
    data: list[Path] = typer.Option(exists=True, file_okay=False, help="A folder like tweets_idrisi; may be repeated."),
    out: Path = typer.Option(None, help="Where the model goes. [default: config/place_resolver]"),
    as_json: AsJson = False,
) -> None:
    """Learn what tells the place that a name stands for (some minutes), with figures on events left out."""
    from stormpetrel.bootstrap import open_gazetteer
    from stormpetrel.cli.console import say
    from stormpetrel.evaluation.place_points import point_report
    from stormpetrel.evaluation.resolver_training import train_resolver as learn_all
    from stormpetrel.posts.places.geoparser.resolver_model import RESOLVER
    from stormpetrel.posts.places.tagger.labelled_mentions import read_resolution

    gazetteer = open_gazetteer(load_settings())
    posts = [post for folder in data for post in read_resolution(folder) if post.linked]
    model = learn_all(posts, gazetteer, say)
    report = point_report(posts, gazetteer, model)
    held_out = {name: report[name] for name in ("mentions", "right", "ece", "by_language", "by_event")}
    fields = {
        "trained_on": [folder.resolve().name for folder in data],
        "gazetteer": gazetteer.version,
        "held_out": held_out,
    }
    directory = out or RESOLVER
    replace(model, fields=fields).save(directory)
    right = report["right"]
    shares = f"{right['of_answered']:.3f} of the answered, {right['of_all']:.3f} of all"
    text = f"right on events left out: {shares}: {directory}"
    print_result({"directory": str(directory), "posts": len(posts), **held_out}, text, as_json)


def train_relevance(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder like tweets_crisislex: labelled events."),
    out: Path = typer.Option(None, help="Where it goes. [default: config/relevance_prior.json]"),
    as_json: AsJson = False,
) -> None:
    """Learn from labelled events what tells the posts of an event from others: the prior of API and workers."""
    from stormpetrel.cli.console import say
    from stormpetrel.cli.system import load_text_encoder
    from stormpetrel.evaluation.annotated_posts import prior_from
    from stormpetrel.evaluation.labelled_events import read_events
    from stormpetrel.learned_files import PRIOR_FILE
    from stormpetrel.learning.training.relevance_model import Prior

    settings = load_settings()
    events = read_events(data, load_text_encoder(settings, say))
    model = prior_from([event for event in events if event.truth.any() and not event.truth.all()])
    if model is None:
        raise SetupError(f"no event in {data} has posts labelled as related and posts labelled as unrelated")
    file = out or PRIOR_FILE
    Prior("related", settings.text_model.name, model, tuple(event.name for event in events)).save(file)
    posts = sum(len(event.truth) for event in events)
    text = f"trained on {len(events)} events, {posts:,} posts: {file}"
    print_result({"file": str(file), "posts": posts, "events": len(events)}, text, as_json)


def train_water(
    data: Path = typer.Option(exists=True, file_okay=False, help="A folder like s1s2_spain_flood_2019, or of such."),
    out: Path = typer.Option(None, help="Where it goes. [default: config/water.json]"),
    as_json: AsJson = False,
) -> None:
    """Learn how probable water is in a pixel of one radar image, from images with masks; with VV and VH, and with VV
    alone. `eval patches` judges it on images left out."""
    from stormpetrel.cli.console import say
    from stormpetrel.evaluation.folders import data_folders
    from stormpetrel.evaluation.water_images import POLARISATIONS, water_images
    from stormpetrel.evaluation.water_training import train_water as learn
    from stormpetrel.imagery.water.water_model import WATER_FILE, save_models

    images = [image for folder in data_folders(data) for image in water_images(folder)]
    if not any(image.water.any() and (image.truth == 0).any() for image in images):
        raise SetupError(f"no image in {data} has a mask with water and land: NAME_S1.tif beside NAME_..._water.tif")
    models = []
    for polarisations in (POLARISATIONS, POLARISATIONS[:1]):
        usable = [image for image in images if len(image.backscatter) >= len(polarisations)]
        if usable:
            models.append(learn(usable, polarisations, say))
    file = out or WATER_FILE
    save_models(models, file)
    names = [image.name for image in images]
    learned = {"+".join(model.polarisations): {"least": model.least, "share": model.share} for model in models}
    text = f"learned from {', '.join(names)}: {file}"
    print_result({"file": str(file), "images": names, "models": learned}, text, as_json)


def generate_scene(
    folder: Path = typer.Argument(help="Where the scene goes: radar.tif, optical.tif, truth.tif, classes.json."),
    size: int = typer.Option(4800, min=480, help="Pixels a side, in steps of 480."),
    seed: int = typer.Option(3, help="Another seed makes another scene."),
    as_json: AsJson = False,
) -> None:
    """Write a generated flooded scene with the class of every pixel, as `eval annotation` reads it."""
    from stormpetrel.evaluation.generated_scene import generated_scene
    from stormpetrel.evaluation.labelled_scene import write_scene

    side = size // 480 * 480
    write_scene(generated_scene(side, seed), folder)
    text = f"{side} x {side} px of 10 m: {folder}"
    print_result({"folder": str(folder), "size_px": side, "resolution_m": 10}, text, as_json)
