"""POST /v1/search: one ranked list a modality, joined by tensor fusion, each hit with its rank per modality."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Depends
from fastapi import Request as HttpRequest

from api import paging
from api.requests import (
    Freshness,
    Hit,
    ListSummary,
    ModalityRank,
    PlaceRequest,
    PolygonGeometry,
    SearchAnswer,
    SearchRequest,
)
from api.services import Services
from stormpetrel.errors import NotFound
from stormpetrel.health import SEARCH_SECONDS
from stormpetrel.ports import Document, Filter, OrderQuery
from stormpetrel.search import MEASURES, MODALITIES, Area, Found, Search
from stormpetrel.text.clean import clean
from stormpetrel.text.language import likely
from stormpetrel.text.lexical import query_terms

router = APIRouter(prefix="/v1", tags=["search"])


def services(request: HttpRequest) -> Services:
    found: Services = request.app.state.services
    return found


@router.post("/search")
def search(asked: SearchRequest, have: Services = Depends(services)) -> SearchAnswer:
    """Finds the posts that belong to what is asked. Each given part is a modality with a say of its own."""
    with SEARCH_SECONDS.labels("whole").time():
        as_of = have.documents.get("freshness", list(MODALITIES))
        request = paging.fingerprint(asked.model_dump(mode="json"))
        start = paging.decode(asked.cursor, request) if asked.cursor else None
        newest = int(as_of.get("time", {}).get("ingested_at", 0))
        cursor = start or paging.Cursor(request, newest, 0)
        found = have.recent.get(request, cursor.as_of_ms) if start else None
        if found is None:
            found = _run(asked, have, until_ms=cursor.as_of_ms if start else None)
            have.recent.keep(request, cursor.as_of_ms, found)
        return _answer(asked, have, found, cursor, as_of)


def _run(asked: SearchRequest, have: Services, until_ms: int | None) -> Found:
    wanted = replace(
        _what(asked, have), filter=_filter(asked, until_ms), depth=have.settings.api.list_depth, fusion=asked.fusion,
        weights={str(name): weight for name, weight in asked.weights.items()},
    )  # fmt: skip
    with SEARCH_SECONDS.labels("lists and fusion").time():
        return have.search.run(wanted)


def _what(asked: SearchRequest, have: Services) -> Search:
    """The parts of the question as vectors, terms, an area and a moment."""
    wanted = _like_post(asked.post_id, have) if asked.post_id else Search()
    if asked.text:
        text = clean(asked.text) or asked.text
        with SEARCH_SECONDS.labels("encode").time():
            vector = have.encoder.encode([text])[0]
        wanted = replace(wanted, vector=vector, terms=query_terms(text, likely(text)))
    if asked.place:
        wanted = replace(wanted, area=area_of(asked.place))
    return replace(wanted, at=asked.time) if asked.time else wanted


def _like_post(post_id: str, have: Services) -> Search:
    """A query by example: the post's own vector, words, place and time. A copy asks as its original."""
    document = _document(have, post_id)
    original = document.get("copy_of")
    if original:
        document = have.documents.get("posts", [original]).get(original, document)
    vector = have.vectors.vectors(have.collection, document["_id"], ["text"]).get("text")
    if vector is None and document["clean_text"]:
        vector = have.encoder.encode([document["clean_text"]])[0]
    place = max(
        (place for place in document.get("places", []) if place["kind"] != "country"),
        key=lambda place: place["confidence"],
        default=None,
    )
    return Search(
        vector=vector,
        terms=query_terms(document["clean_text"], [document["language"]]),
        area=Area(place["longitude"], place["latitude"]) if place else None,
        at=datetime.fromisoformat(document["created_at"]),
        exclude=document["_id"],
    )


def _document(have: Services, post_id: str) -> Document:
    document = have.documents.get("posts", [post_id]).get(post_id)
    if document is None:
        raise NotFound(f"no post {post_id!r} is indexed; ids look like x:1460, bsky:did:plc:abc/3k, file:7")
    return document


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


def _filter(asked: SearchRequest, until_ms: int | None) -> Filter:
    given = asked.filters
    any_of: dict[str, Any] = {}
    if given.languages:
        any_of["language"] = given.languages
    if given.sources:
        any_of["source"] = given.sources
    ranges: dict[str, tuple[float | None, float | None]] = {}
    if given.since or given.until:
        ranges["event_time"] = (
            given.since.timestamp() * 1000 if given.since else None,
            given.until.timestamp() * 1000 if given.until else None,
        )
    if until_ms is not None:
        ranges["ingested_at"] = (None, float(until_ms))
    return Filter(any_of=any_of, ranges=ranges, boxes=(given.box,) if given.box else ())


def _answer(
    asked: SearchRequest, have: Services, found: Found, cursor: paging.Cursor, as_of: dict[str, Document]
) -> SearchAnswer:
    page = found.items[cursor.offset : cursor.offset + asked.limit]
    end = cursor.offset + len(page)
    with SEARCH_SECONDS.labels("documents").time():
        documents = have.documents.get("posts", [item.id for item in page])
        copies = have.vectors.count_by(have.collection, "copy_of", list(documents))
    by_name = {ranked.modality: ranked for ranked in found.lists}
    hits = [
        Hit(
            post_id=item.id,
            rank=rank,
            ranks={
                modality: ModalityRank(rank=place, score=round(by_name[modality].scores[place - 1], 6))
                for modality, place in item.ranks.items()
            },
            decided_by=list(item.pair or ()),
            score=None if item.score is None else round(item.score, 6),
            copies=copies.get(item.id, 0),
            post=_shown(documents[item.id]),
        )
        for rank, item in enumerate(page, start=cursor.offset + 1)
        # A post that was deleted between the two reads is no hit any more.
        if item.id in documents
    ]
    return SearchAnswer(
        hits=hits,
        found=len(found.items),
        next_cursor=replace(cursor, offset=end).encode() if end < len(found.items) and page else None,
        lists={name: ListSummary(measure=MEASURES[name], hits=len(ranked)) for name, ranked in by_name.items()},
        fusion=asked.fusion,
        weights={name: asked.weights.get(name, 1.0) for name in by_name},  # type: ignore[call-overload]
        silent=list(found.silent),
        as_of={
            name: Freshness(event_time=_moment(fresh["event_time"]), ingested_at=_moment(fresh["ingested_at"]))
            for name, fresh in as_of.items()
        },
        text_model=have.encoder.version,
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _shown(document: Document) -> Document:
    return {key: value for key, value in document.items() if key != "_id"}


@router.get("/posts/{post_id:path}", tags=["posts"])
def post(post_id: str, have: Services = Depends(services)) -> dict[str, Any]:
    """One post with all that is known of it, and the posts that repeat it (the newest 100)."""
    document = _document(have, post_id)
    counted = have.vectors.count_by(have.collection, "copy_of", [post_id])
    newest = OrderQuery("event_time", "desc", filter=Filter(any_of={"copy_of": [post_id]}))
    (copies,) = have.vectors.query(have.collection, [newest]) if counted else ([],)
    return {
        **_shown(document),
        "copies": counted.get(post_id, 0),
        "copy_ids": [copy.payload["id"] for copy in copies],
    }
