"""Generated streams of enriched posts for the tests of the detector."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from stormpetrel.core.events import EnrichedPost, EventRelevance, Incident, Place, Post, Vector
from stormpetrel.incidents import DetectionRules, Detector, Features

T0 = datetime(2025, 11, 4, 12, 0, tzinfo=UTC)


class Sure:
    """A confidence that never doubts, or always says the same."""

    version = "sure"

    def __init__(self, probability: float = 0.9) -> None:
        self.value = probability

    def probability(self, features: Features, post_ids: tuple[str, ...]) -> float:
        return self.value


def place(
    name: str, longitude: float, latitude: float, country: str, admin1: str | None, kind: str = "city", **fields: object
) -> Place:
    radius = {"city": 8.0, "admin1": 90.0, "country": 400.0}[kind]
    return Place(
        name=name,
        longitude=longitude,
        latitude=latitude,
        country_code=country,
        admin1_code=admin1,
        confidence=0.9,
        kind=kind,
        resolution_method="gazetteer",
        radius_km=radius,
        **{"role": "affected", **fields},
    )


GENOVA = place("Genova", 8.93, 44.41, "IT", "08")
SAVONA = place("Savona", 8.48, 44.31, "IT", "08")
PALERMO = place("Palermo", 13.36, 38.12, "IT", "15")
TURIN = place("Torino", 7.68, 45.07, "IT", "12")
MILAN = place("Milano", 9.19, 45.46, "IT", "09")
ITALY = place("Italy", 12.5, 42.5, "IT", None, "country")
MANILA = place("Manila", 120.98, 14.6, "PH", "NCR")


def post(
    number: int | str,
    minutes: float,
    places: Sequence[Place] = (GENOVA,),
    text: str | None = None,
    kind: str = "flood",
    relevance: float = 0.9,
    **fields: object,
) -> EnrichedPost:
    """A post so many minutes after the beginning; two texts that differ are two voices."""
    words = text or f"water in the streets, number {number}"
    values = np.random.default_rng(zlib.crc32(words.encode())).normal(size=32).astype(np.float32)
    at = T0 + timedelta(minutes=minutes)
    of_post = {
        key: fields.pop(key) for key in ("author_id", "source", "created_at", "ingested_at", "media") if key in fields
    }
    return EnrichedPost(
        post=Post(
            **{
                "post_id": f"file:{number}",
                "source": "file",
                "text": words,
                "created_at": at,
                "ingested_at": at,
                **of_post,
            }
        ),
        clean_text=words,
        language="en",
        language_confidence=1.0,
        places=tuple(places),
        text_vector=Vector.of(values / np.linalg.norm(values), "tiny"),
        event_relevance=(EventRelevance(kind=kind, probability=relevance, model_version="kinds"),),
        enriched_at=at,
        **fields,
    )


def detector(confidence: float = 0.9, rules: DetectionRules | None = None) -> Detector:
    return Detector(Sure(confidence), rules, clock=lambda: T0)


def run(found_by: Detector, posts: Iterable[EnrichedPost], until_minutes: float | None = None) -> list[Incident]:
    """Everything that is told of the posts, one by one, and of the time until then."""
    told: list[Incident] = []
    for each in sorted(posts, key=lambda one: (one.post.created_at, one.post.post_id)):
        told += found_by.take(each)
        told += found_by.advance(each.post.created_at)
    if until_minutes is not None:
        told += found_by.advance(T0 + timedelta(minutes=until_minutes))
    return told


def opened(told: Iterable[Incident]) -> list[Incident]:
    return [incident for incident in told if incident.change == "opened"]
