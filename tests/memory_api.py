"""The whole API inside the test: its application on the log and the stores in memory, with a night's items in them."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray

from api.app import create_app
from api.dependencies import ApiResources, Log, Stores
from stormpetrel.bootstrap import PATCH_DESCRIPTORS, concept_list, open_gazetteer
from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.events import EnrichedPost, PatchDescribed, Place, Post, ProductAnnounced, SceneDescribed, Vector
from stormpetrel.core.settings import Settings
from stormpetrel.log.memory import MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.posts.text.lexical import document_terms
from stormpetrel.posts.vision.model import DescriptorModel
from stormpetrel.projections import PatchProjection, PostProjection, ProductProjection
from stormpetrel.search.place_names import PlaceNames
from stormpetrel.search.place_resolution import PlaceResolution
from stormpetrel.search.query_encoder import QueryEncoder
from tests.unit.memory_index import MemoryIndex
from tests.unit.memory_stores import PagedDocuments

NIGHT = datetime(2025, 11, 4, 20, tzinfo=UTC)
TEXTS = ("Strade allagate a Genova", "Flooded streets in Genova", "The dam overflows", "A quiet evening", "Acqua alta")
SENTINEL_1, SENTINEL_2 = "S1A_IW_GRDH_TEST", "S2B_MSIL2A_TEST"
SCENE = f"{SENTINEL_2}|{SENTINEL_1}"
DIMENSIONS = 384  # as the prior's model has


class TextModel:
    """Unit vectors from the hash of a text's words."""

    version, dimensions = "hash@1", DIMENSIONS

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.full((len(texts), DIMENSIONS), 0.01, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, hashlib.sha256(word.encode(errors="replace")).digest()[0]] += 1
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def encode_in(self, text: str, language: str) -> NDArray[np.float32]:
        return self.encode([text])[0]


AUTHOR_KEY = base64.b64encode(bytes(32)).decode()


class MemoryApi:
    """`log`, `documents` and `index` can be made unavailable; `resources` is there once the application has started."""

    def __init__(self, log: MemoryLog | None = None, **settings: Any) -> None:
        self.log, self.documents, self.index = log or MemoryLog(), PagedDocuments(), MemoryIndex()
        self.producer, self.reader = MemoryProducer(self.log), MemoryTopicReader(self.log)
        kept = {
            "privacy": {"author_key": AUTHOR_KEY},
            "photos": {"store": str(Path(tempfile.gettempdir()) / "stormpetrel-photos")},
        }
        self.settings = Settings(**{"catalogue": {"secret": "push"}, **kept, **settings})
        self.resources: ApiResources
        self._fill()

    def app(self) -> FastAPI:
        return create_app(self._open)

    def _open(self) -> ApiResources:
        names: Any = SimpleNamespace(posts="posts", patches="patches")
        encoder = QueryEncoder(TextModel(), DescriptorModel(concept_list()), concept_list(), PATCH_DESCRIPTORS)
        log = Log(self.reader, self.producer)
        stores = Stores(self.documents, self.index, names)
        places, place_names = PlaceResolution(open_geoparser), PlaceNames(partial(open_gazetteer, self.settings))
        self.resources = ApiResources(self.settings, log, stores, encoder, places, place_names)
        return self.resources

    def _fill(self) -> None:
        text = EmbeddingSpec("hash@1", DIMENSIONS)
        PostProjection(self.documents, self.index, "posts", text, "photos").write([post(n) for n in range(40)])
        PatchProjection(self.documents, self.index, "patches", PATCH_DESCRIPTORS).write(
            [*(patch(n) for n in range(30)), scene()]
        )
        ProductProjection(self.documents).write([product(SENTINEL_1, "sentinel-1"), product(SENTINEL_2, "sentinel-2")])


def post(number: int) -> EnrichedPost:
    text = f"{TEXTS[number % len(TEXTS)]} {number}"
    moment = NIGHT + timedelta(minutes=number)
    place = Place(
        name="Genova",
        longitude=8.93 + number / 100,
        latitude=44.41,
        confidence=0.9,
        kind="city",
        resolution_method="gazetteer",
        radius_km=5,
    )
    return EnrichedPost(
        post=Post(post_id=f"x:{number}", source="x", text=text, created_at=moment, ingested_at=moment),
        clean_text=text,
        language="it" if number % 2 else "en",
        language_confidence=0.9,
        places=(place,),
        text_vector=Vector.of(TextModel().encode([text])[0], "hash@1"),
        terms=document_terms(text, "it" if number % 2 else "en"),
        enriched_at=moment,
    )


def unit_vector(seed: int, dimensions: int, model: str) -> Vector:
    values = np.random.default_rng(seed).normal(size=dimensions).astype(np.float32)
    return Vector.of(values / np.linalg.norm(values), model)


def patch(number: int) -> PatchDescribed:
    longitude, latitude = 8.9 + number / 100, 44.4
    ring = ((0, 0), (0.01, 0), (0.01, 0.01), (0, 0.01), (0, 0))
    return PatchDescribed(
        patch_id=f"{SCENE}/32632/g120/r{number:04d}c0001",
        scene_id=SCENE,
        s1_product=SENTINEL_1,
        s2_product=SENTINEL_2,
        sensed_at=NIGHT,
        epsg=32632,
        scale_level=120,
        row=number,
        column=1,
        longitude=longitude,
        latitude=latitude,
        ring=tuple((longitude + east, latitude + north) for east, north in ring),
        nodata_share=0,
        described_at=NIGHT,
        **{
            f"{name}_vector": unit_vector(number, spec.dimensions, spec.model)
            for name, spec in PATCH_DESCRIPTORS.items()
        },
    )


def scene() -> SceneDescribed:
    return SceneDescribed(
        scene_id=SCENE,
        s1_product=SENTINEL_1,
        s2_product=SENTINEL_2,
        sensed_at=NIGHT,
        epsg=32632,
        bounds=(490_000, 4_910_000, 500_000, 4_920_000),
        footprint={"type": "Polygon", "coordinates": [[[8.9, 44.4], [9.2, 44.4], [9.2, 44.5], [8.9, 44.4]]]},
        patches={"120": 30},
        new_water={"type": "FeatureCollection", "features": []},
        described_at=NIGHT,
    )


def product(name: str, platform: str) -> ProductAnnounced:
    return ProductAnnounced(
        product_name=name,
        platform=platform,
        product_type="GRD",
        sensed_from=NIGHT,
        sensed_until=NIGHT,
        footprint={"type": "Polygon", "coordinates": [[[8, 44], [9, 44], [9, 45], [8, 44]]]},
        source="test",
        announced_at=NIGHT,
    )


def open_geoparser() -> tuple[Any, str]:
    """A geoparser that finds no place: places are tested on the real one."""
    return SimpleNamespace(mentions=lambda texts, _: [[] for _ in texts], resolve=lambda *_: ((), ())), "none"
