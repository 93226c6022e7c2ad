"""Loads trained spaCy pipelines, the taggers of `recogniser.py`, so that they start and run fast."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.tagger.taggers import (
    AnyTagger,
    EnglishTagger,
    LanguagePipeline,
    LanguageTagger,
    Tagger,
    TaggerByLanguage,
)
from stormpetrel.posts.places.tagger.window_network import WindowNetwork

COMMAND_LINE = ("spacy.cli", "spacy.cli.info")


def load_tagger(directory: Path, gazetteer: Gazetteer) -> Tagger:
    """The tagger of a folder; where there is a folder beside it whose name ends in `_languages`, with that one for all
    languages but English. Raises ModelUnavailable where a folder holds none that can be loaded."""
    tagger = tagger_of(_load(directory), gazetteer)
    others = languages_folder(directory)
    return TaggerByLanguage(tagger, language_tagger_of(_load(others), gazetteer)) if others.is_dir() else tagger


def languages_folder(directory: Path) -> Path:
    """The folder of the tagger of all languages but English, beside that of the tagger of English."""
    return directory.with_name(f"{directory.name}_languages")


def tagger_of(pipeline: Any, gazetteer: Gazetteer) -> Tagger:
    """What runs a pipeline, by its components: spaCy itself where it has not the project's architecture."""
    from stormpetrel.posts.places.tagger.gazetteer_features import COMPONENT

    if COMPONENT not in pipeline.pipe_names:
        return AnyTagger(pipeline)
    features = pipeline.get_pipe(COMPONENT)
    features.gazetteer = gazetteer
    try:
        return EnglishTagger(pipeline, features, WindowNetwork(pipeline))
    except ModelUnavailable:
        return AnyTagger(pipeline)


def language_tagger_of(pipeline: Any, gazetteer: Gazetteer) -> Tagger:
    """What runs a pipeline that was trained on the words of `LanguageFeatures`."""
    from stormpetrel.posts.places.tagger.language_features import LanguageFeatures

    features = LanguageFeatures(gazetteer)
    try:
        return LanguageTagger(pipeline, features, WindowNetwork(pipeline))
    except ModelUnavailable:
        return LanguagePipeline(pipeline, features)


def _load(directory: Path) -> Any:
    _import_spacy()
    import spacy

    # The pipelines of the project name this component.
    import stormpetrel.posts.places.tagger.gazetteer_features  # noqa: F401

    try:
        pipeline = spacy.load(directory)
        if "ner" in pipeline.pipe_names:
            _multiply_by_numpy(pipeline.get_pipe("ner"))
    except (OSError, ValueError, KeyError) as error:
        remedy = "Train one with `stormpetrel train places --data DIR`, or unset places.tagger"
        raise ModelUnavailable(f"no tagger of place names in {directory}: {error}. {remedy}") from error
    return pipeline


def _import_spacy() -> None:
    """Imports spaCy without its command line, which takes a third of the import time and is not used here. The command
    line can still be imported afterwards."""
    if "spacy" in sys.modules:
        return
    stubs = {name: types.ModuleType(name) for name in COMMAND_LINE}
    stubs["spacy.cli"].__path__ = []
    stubs["spacy.cli.info"].info = None  # type: ignore[attr-defined]
    sys.modules.update(stubs)
    try:
        import spacy
    finally:
        for name in COMMAND_LINE:
            sys.modules.pop(name, None)
    if getattr(spacy, "cli", None) is stubs["spacy.cli"]:
        delattr(spacy, "cli")


def _multiply_by_numpy(component: Any) -> None:
    """Replaces thinc's matrix product by numpy's: the same tags, 1.5 times as fast (measured with AVX-512)."""
    from thinc.api import NumpyOps

    class NumpyProducts(NumpyOps):  # type: ignore[misc]
        def gemm(self, x: Any, y: Any, out: Any = None, trans1: bool = False, trans2: bool = False) -> Any:
            return np.dot(x.T if trans1 else x, y.T if trans2 else y, out=out)

    if type(component.model.ops) is NumpyOps:
        products = NumpyProducts()
        for layer in component.model.walk():
            layer.ops = products
