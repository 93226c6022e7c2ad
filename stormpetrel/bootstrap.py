"""Puts models and word lists together from settings: what several entry points need, made in one way.

It imports no store: a worker needs none, and starts in half the time without their clients. `store_bootstrap.py` has
what reads and writes stores.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import cache, partial
from pathlib import Path

from stormpetrel.core.embedding_spec import EmbeddingSpec, named_with
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.ids import ItemKind
from stormpetrel.core.settings import CONFIG_DIRECTORY, Imagery, Settings
from stormpetrel.imagery.patches import descriptors
from stormpetrel.imagery.patches.earth_model import read_earth_manifest
from stormpetrel.learned_files import opened_or_error
from stormpetrel.learning.annotations.label_catalogue import Catalogue, read_catalogue
from stormpetrel.models.model_store import model_directory
from stormpetrel.posts.gate.word_facts import WordReader
from stormpetrel.posts.gloss.build import ensure_lexicon, gloss_version
from stormpetrel.posts.gloss.gloss import Glosser
from stormpetrel.posts.gloss.lexicon import Lexicon
from stormpetrel.posts.gloss.tables import read_tables
from stormpetrel.posts.places.budget import Budget
from stormpetrel.posts.places.gazetteer.build import ensure_gazetteer
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.places.geoparser.recent_places import RecentPlaces
from stormpetrel.posts.places.tagger.pipeline import load_tagger
from stormpetrel.posts.places.tagger.recogniser import PlaceRecogniser
from stormpetrel.posts.text.encoder import TextEncoder, read_manifest
from stormpetrel.posts.vision.clip import ClipModel, read_clip_manifest
from stormpetrel.posts.vision.concepts import ConceptList, read_concepts
from stormpetrel.posts.vision.descriptor import DIMENSIONS, VERSION
from stormpetrel.posts.vision.model import DESCRIPTOR, DescriptorModel, VisualModel
from stormpetrel.posts.vision.prompts import Prompts, read_prompts
from stormpetrel.process.metrics import model_in_use
from stormpetrel.search.query_encoder import QueryEncoder

CONCEPTS_FILE = CONFIG_DIRECTORY / "concepts.yaml"
FLOOD_PROMPTS_FILE = CONFIG_DIRECTORY / "flood_prompts.yaml"
LABELS_FILE = CONFIG_DIRECTORY / "labels.yaml"
TAGGER = CONFIG_DIRECTORY / "places_tagger"
LEXICON = CONFIG_DIRECTORY / "lexicon"


def concept_list() -> ConceptList:
    """The concepts of `config/concepts.yaml`."""
    return read_concepts(CONCEPTS_FILE)


def photo_prompts() -> Prompts:
    """What a CLIP model is asked about photos: `config/concepts.yaml` and `config/flood_prompts.yaml`."""
    return read_prompts(FLOOD_PROMPTS_FILE, concept_list())


def label_catalogue() -> Catalogue:
    """The semantic catalogue of `config/labels.yaml`."""
    return read_catalogue(LABELS_FILE)


def open_text_encoder(settings: Settings) -> TextEncoder:
    """Raises ModelUnavailable where the configured model is not in the cache."""
    directory = model_directory(settings.models, settings.text_model.name)
    pivot = open_glosser(settings) if read_manifest(directory).knows_english_alone else None
    model = settings.text_model
    encoder = TextEncoder(directory, model.batch_size, model.threads, pivot, settings.inference.runtime)
    model_in_use("text", encoder.version, encoder.runtime)
    return encoder


def open_glosser(settings: Settings) -> Glosser:
    """What glosses texts, by the word lists of the project and of the user; made first, in a process of its own, where
    their forms are not there yet. Raises SetupError where a table is at fault."""
    return _glosser(settings.cache, settings.lexicon.directory)


def open_word_reader(settings: Settings, *, own_words: bool = True) -> WordReader:
    """What reads the words of posts for the gates of live sources; with the team's own words, unless these are not
    asked for."""
    words = settings.sources.gate.words if own_words else ()
    return WordReader(open_glosser(settings).lexicon, LEXICON, words)


@cache
def _glosser(cache_directory: Path, user_tables: Path) -> Glosser:
    return Glosser(Lexicon(ensure_lexicon(cache_directory, LEXICON, user_tables)))


def open_visual_model(settings: Settings) -> VisualModel:
    """Raises ModelUnavailable where the configured model is CLIP and not in the cache."""
    if settings.visual_model.name == DESCRIPTOR:
        model = DescriptorModel(concept_list())
        model_in_use("visual", model.version)
        return model
    directory = model_directory(settings.models, settings.visual_model.name)
    clip = ClipModel(directory, settings.visual_model.threads, settings.inference.runtime)
    model_in_use("visual", clip.version, clip.runtime)
    return clip


def post_embeddings(settings: Settings) -> tuple[EmbeddingSpec, EmbeddingSpec]:
    """What makes a post's text vectors and its photos' vectors, in this order.

    Raises ModelUnavailable where a configured model is not in the cache.
    """
    text = read_manifest(model_directory(settings.models, settings.text_model.name))
    tables = read_tables(LEXICON, settings.lexicon.directory) if text.knows_english_alone else None
    text_model = named_with(text.model, gloss_version(tables) if tables else None)
    if settings.visual_model.name == DESCRIPTOR:
        visual = EmbeddingSpec(VERSION.split("@")[0], DIMENSIONS)
    else:
        clip = read_clip_manifest(model_directory(settings.models, settings.visual_model.name))
        visual = EmbeddingSpec(clip.model, clip.dimensions)
    return EmbeddingSpec(text_model, text.dimensions), visual


# What describes patches in this release, by the vector's name.
PATCH_DESCRIPTORS = {
    "sar": EmbeddingSpec(descriptors.SAR_DESCRIPTOR, descriptors.SAR_DIMENSIONS),
    "ms": EmbeddingSpec(descriptors.MS_DESCRIPTOR, descriptors.MS_DIMENSIONS),
    "fused": EmbeddingSpec(descriptors.FUSED_DESCRIPTOR, descriptors.FUSED_DIMENSIONS),
}


def open_gazetteer(settings: Settings) -> Gazetteer:
    """The gazetteer of the settings; made first, in a process of its own, where it is not there yet."""
    gazetteer = Gazetteer(ensure_gazetteer(settings.cache, settings.places.gazetteer))
    model_in_use("gazetteer", gazetteer.version)
    return gazetteer


def open_geoparser(settings: Settings, *, learns: bool = False) -> Geoparser:
    """What finds places: the trained tagger over the gazetteer. Where it `learns`, the posts before speak for those
    after. Raises ModelUnavailable where there is no tagger."""
    gazetteer = open_gazetteer(settings)
    tagger = load_tagger(settings.places.tagger or TAGGER, gazetteer)
    recent = RecentPlaces(timedelta(hours=settings.places.recent_h)) if learns else None
    budget = partial(Budget, settings.places.searched_characters, settings.places.within_s)
    return Geoparser(gazetteer, PlaceRecogniser(gazetteer, tagger), recent, budget)


def patch_embeddings(settings: Settings) -> dict[str, EmbeddingSpec]:
    """What makes every vector of a patch, by its name; `earth` where an Earth-observation model is configured.

    Raises ModelUnavailable where that model is not whole.
    """
    if settings.imagery.earth_model is None:
        return PATCH_DESCRIPTORS
    earth = read_earth_manifest(settings.imagery.earth_model)
    return {**PATCH_DESCRIPTORS, "earth": EmbeddingSpec(earth.version, earth.dimensions)}


def vector_dimensions(settings: Settings, kind: ItemKind) -> dict[str, int]:
    """The dimensions of the vectors that posts or patches are annotated with, by their names; empty where a configured
    model is not in the cache."""
    try:
        if kind == "posts":
            return {"text": post_embeddings(settings)[0].dimensions}
        return {name: spec.dimensions for name, spec in patch_embeddings(settings).items()}
    except ModelUnavailable:
        return {}


def picture_folder(settings: Imagery, scene_id: str) -> Path:
    """Where a scene's pictures lie; its id has characters that no folder should."""
    return settings.directory / "scenes" / hashlib.sha256(scene_id.encode()).hexdigest()[:24]


def open_query_encoder(settings: Settings) -> QueryEncoder:
    """The models of searches; a missing one stands there as the error that says why."""
    without = "searches go on without a model"
    text_model = opened_or_error(lambda: open_text_encoder(settings), without)
    visual_model = opened_or_error(lambda: open_visual_model(settings), without)
    specs = opened_or_error(lambda: patch_embeddings(settings), without)
    patch_specs = PATCH_DESCRIPTORS if isinstance(specs, ModelUnavailable) else specs
    return QueryEncoder(text_model, visual_model, concept_list(), patch_specs, open_glosser(settings))
