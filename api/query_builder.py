"""From a request to a question: texts and pictures become vectors, and what cannot be had is told, not fatal.

A part that fails (an unreadable picture, a missing model, a vector of the wrong size, an unknown post) leaves its
modalities silent, and the answer says so; where nothing else was asked, it is the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.dependencies import Services
from api.schemas.requests import PlaceRequest, PolygonGeometry, SearchRequest
from stormpetrel.core.errors import BadPicture, BadQuery, ModelUnavailable, NotFound, StormpetrelError
from stormpetrel.core.events import is_area
from stormpetrel.core.ports import Document, Filter
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.encoder import TextEncoder
from stormpetrel.posts.text.language import likely
from stormpetrel.posts.text.lexical import query_terms
from stormpetrel.posts.vision.concepts import terms_of
from stormpetrel.posts.vision.model import VisualFeatures
from stormpetrel.posts.vision.pictures import from_base64, read_picture
from stormpetrel.process.metrics import SEARCH_SECONDS
from stormpetrel.search import Area, Query
from stormpetrel.search.cross_source import (
    DESCRIPTORS,
    WATER_LANGUAGES,
    WATER_SENTENCE,
    WATER_WORDS,
    PatchQuery,
    shows_new_water,
)

WORDS, LOOKS = ("text", "lexical"), ("visual", "concepts")


@dataclass
class Asked:
    """A question, and why some modalities cannot speak."""

    question: Query = field(default_factory=Query)
    patch: PatchQuery = field(default_factory=PatchQuery)
    problems: dict[str, StormpetrelError] = field(default_factory=dict)

    def add(self, modalities: Iterable[str], parts: Callable[[], dict[str, Any]]) -> None:
        """Adds the parts to the question, or the reason why these modalities have none."""
        try:
            self.question = replace(self.question, **parts())
        except (BadQuery, ModelUnavailable, NotFound) as error:
            self.problems |= dict.fromkeys(modalities, error)

    def add_vector(self, name: str, vector: Callable[[], NDArray[np.float32]]) -> None:
        """Adds a descriptor to what patches are asked for, or the reason why there is none."""
        try:
            self.patch = replace(self.patch, vectors={**self.patch.vectors, name: vector()})
        except (BadQuery, ModelUnavailable) as error:
            self.problems[name] = error

    @property
    def unavailable(self) -> dict[str, str]:
        return {name: str(error) for name, error in self.problems.items()}


def query_of(asked: SearchRequest, have: Services, plain: Query | None = None) -> Asked:
    """The question that a request asks; `plain` is its `plain_question` where that is made already. Raises its first
    problem where nothing is left to ask."""
    made = Asked(plain or plain_query(asked, have))
    looks = have.threads.submit(_like_picture, asked.picture, have) if asked.picture else None
    if asked.post_id:
        made.add((*WORDS, *LOOKS), lambda: _like_post(str(asked.post_id), have))
        # What is given beside the post counts in place of the post's own.
        made.question = replace(made.question, **_place_and_time(asked))
    if asked.patch_id:
        made.add((*WORDS, "space", "time", *DESCRIPTORS), lambda: _like_patch(str(asked.patch_id), made, have))
        made.question = replace(made.question, **_place_and_time(asked))
    if asked.text:
        text = clean(asked.text) or asked.text
        made.add(("text",), lambda: {"text": encoded(text, have)})
        if "concepts" in asked.modalities:
            made.add(("concepts",), lambda: {"concepts": terms_of(have.concepts.named_in(text))})
    if looks:
        made.add(LOOKS, looks.result)
    for name in asked.vectors:
        if name in DESCRIPTORS:
            made.add_vector(name, lambda name=name: _given_vector(name, asked.vectors[name], have))  # type: ignore[misc]
        else:
            made.add((name,), lambda name=name: {name: _given_vector(name, asked.vectors[name], have)})  # type: ignore[misc]
    if made.problems and not says_something(made.question) and not made.patch.vectors:
        raise next(iter(made.problems.values()))
    return made


def plain_query(asked: SearchRequest, have: Services, until_ms: int | None = None) -> Query:
    """The parts of a question that need neither a model nor a document: words, place and time of a request that
    names no post. No part where it names one."""
    plain = Query(
        filter=filter_of(asked, until_ms),
        depth=have.settings.api.list_depth,
        fusion=asked.fusion,
        weights={str(name): weight for name, weight in asked.weights.items()},
        score_threshold={str(name): floor for name, floor in asked.min_scores.items()},
        only=frozenset(asked.modalities) if asked.modalities else None,
    )
    if asked.post_id or asked.patch_id:
        return plain
    text = (clean(asked.text) or asked.text) if asked.text else None
    terms = query_terms(text, likely(text)) if text else None
    return replace(plain, terms=terms, **_place_and_time(asked))


def _place_and_time(asked: SearchRequest) -> dict[str, Any]:
    given = {"area": area_of(asked.place) if asked.place else None, "at": asked.time}
    return {name: part for name, part in given.items() if part is not None}


def says_something(question: Query) -> bool:
    return any(
        part is not None
        for part in (question.text, question.terms, question.visual, question.concepts, question.area, question.at)
    )


def _encoder(have: Services) -> TextEncoder:
    if isinstance(have.encoder, ModelUnavailable):
        raise have.encoder
    return have.encoder


def encoded(text: str, have: Services) -> NDArray[np.float32]:
    encoder = _encoder(have)
    with SEARCH_SECONDS.labels("encode").time(), have.encoding:
        found: NDArray[np.float32] = encoder.encode([text])[0]
        return found


def _like_picture(picture: str, have: Services) -> dict[str, Any]:
    try:
        pixels = read_picture(from_base64(picture))
    except BadPicture as error:
        raise BadQuery("picture", error.problem, error.remedy) from error
    if isinstance(have.visual, ModelUnavailable):
        raise have.visual
    with SEARCH_SECONDS.labels("encode").time(), have.seeing:
        seen: VisualFeatures = have.visual.extract([pixels])[0]
    return {"visual": seen.vector, "concepts": terms_of(seen.concepts)}


def _given_vector(name: str, values: list[float], have: Services) -> NDArray[np.float32]:
    if name in have.patch_descriptors:
        dimensions = have.patch_descriptors[name][1]
    elif name in DESCRIPTORS:
        raise ModelUnavailable("no Earth-observation model is there: set imagery.earth_model to the folder of one")
    elif name == "text":
        dimensions = _encoder(have).dimensions
    elif isinstance(have.visual, ModelUnavailable):
        raise have.visual
    else:
        dimensions = have.visual.dimensions
    vector = np.asarray(values, dtype=np.float32)
    if len(vector) != dimensions:
        problem = f"it has {len(vector)} values, and this index {dimensions}"
        raise BadQuery(f"vectors.{name}", problem, "Send a vector of the model that the answers name")
    length = float(np.linalg.norm(vector))
    if not length or not np.isfinite(length):
        raise BadQuery(f"vectors.{name}", "it has no direction", "Send finite values, one of them not 0")
    found: NDArray[np.float32] = vector / length
    return found


def document_of(have: Services, post_id: str) -> Document:
    """Raises NotFound where no such post is indexed."""
    return _document(have, "posts", post_id, "ids look like x:1460, bsky:did:plc:abc/3k, file:7")


def patch_document(have: Services, patch_id: str) -> Document:
    """Raises NotFound where no such patch is indexed."""
    return _document(have, "patches", patch_id, "/v1/stac/collections/patches/items lists them")


def _document(have: Services, collection: str, own: str, remedy: str) -> Document:
    found = have.documents.get(collection, [own]).get(own)
    if found is None:
        raise NotFound(f"{own!r} is not among the {collection}; {remedy}")
    return found


def _like_post(post_id: str, have: Services) -> dict[str, Any]:
    """A query by example: the post's own vectors, words, place and time. A copy asks as its original."""
    document = document_of(have, post_id)
    original = document.get("duplicate_of")
    if original:
        document = have.documents.get("posts", [original]).get(original, document)
    held = have.vectors.vectors(have.collection, [document["_id"]], ["text", "visual"]).get(document["_id"], {})
    text = held.get("text")
    if text is None and document["clean_text"] and not isinstance(have.encoder, ModelUnavailable):
        text = encoded(document["clean_text"], have)
    place = max(
        (place for place in document.get("places", []) if not is_area(place["kind"], place.get("radius_km"))),
        key=lambda place: place["confidence"],
        default=None,
    )
    return {
        "text": text,
        "terms": query_terms(document["clean_text"], [document["language"]]),
        "visual": held.get("visual"),
        "concepts": terms_of({concept["name"]: concept["score"] for concept in document.get("concepts", [])}),
        "area": Area(place["longitude"], place["latitude"]) if place else None,
        "at": datetime.fromisoformat(document["created_at"]),
        "exclude": document["_id"],
    }


def _like_patch(patch_id: str, made: Asked, have: Services) -> dict[str, Any]:
    """A query by patch: its descriptors, its place and its time; and, where it shows new water, what people write
    then."""
    document = patch_document(have, patch_id)
    held = have.vectors.vectors(have.patches, [patch_id], list(have.patch_descriptors)).get(patch_id, {})
    made.patch = PatchQuery(held, str(document["scale_level"]), patch_id)
    parts: dict[str, Any] = {
        "area": Area(document["longitude"], document["latitude"]),
        "at": datetime.fromisoformat(document["sensed_at"]),
    }
    if shows_new_water(document):
        parts["terms"] = query_terms(WATER_WORDS, list(WATER_LANGUAGES))
        if not isinstance(have.encoder, ModelUnavailable):
            parts["text"] = encoded(WATER_SENTENCE, have)
    return parts


def area_of(place: PlaceRequest) -> Area:
    """The area of a place request; a box that crosses the 180th meridian has its west east of its east."""
    if place.box:
        west, south, east, north = place.box
        middle = (west + east) / 2 if west <= east else ((west + east + 360) / 2 + 180) % 360 - 180
        return Area(middle, (south + north) / 2, box=place.box)
    if isinstance(place.geojson, PolygonGeometry):
        ring = place.geojson.coordinates[0]
        corners = ring[:-1]
        middle = sum(lon for lon, _ in corners) / len(corners)
        return Area(middle, sum(lat for _, lat in corners) / len(corners), polygon=tuple(ring))
    longitude, latitude = place.geojson.coordinates if place.geojson else (place.longitude, place.latitude)
    return Area(float(longitude or 0.0), float(latitude or 0.0), radius_km=place.radius_km)


def filter_of(asked: SearchRequest, until_ms: int | None) -> Filter:
    """What every hit must meet; `until_ms` keeps the later pages of an answer to what its first page could see."""
    given = asked.filters
    any_of: dict[str, Any] = {}
    if given.languages:
        any_of["language"] = given.languages
    if given.sources:
        any_of["source"] = given.sources
    if given.labels:
        any_of["labels"] = given.labels
    none_of = {"labels": given.without_labels} if given.without_labels else {}
    ranges: dict[str, tuple[float | None, float | None]] = {}
    if given.since or given.until:
        ranges["event_time"] = (
            given.since.timestamp() * 1000 if given.since else None,
            given.until.timestamp() * 1000 if given.until else None,
        )
    if until_ms is not None:
        ranges["ingested_at"] = (None, float(until_ms))
    return Filter(any_of=any_of, none_of=none_of, ranges=ranges, boxes=(given.box,) if given.box else ())
