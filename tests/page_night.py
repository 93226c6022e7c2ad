"""A made-up night for the page, in memory: incidents, posts with all that is hard to show, photos, people's actions, a
scene to label, and a notify consumer.

`python -m tests.page_night` serves it until it is interrupted, and prints the address first. With `--key` it asks for a
key, which is printed too. A line on standard input makes one more incident.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import h3
from PIL import Image

from consumers.notify import Telling
from stormpetrel.core.clock import now
from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.events import (
    EnrichedPost,
    EvidencePost,
    Incident,
    IncidentAction,
    Place,
    Post,
    SeverityReason,
    Vector,
)
from stormpetrel.core.photo_settings import Photos
from stormpetrel.core.topics import INCIDENT_ACTIONS, INCIDENTS
from stormpetrel.log.memory import MemoryLog
from stormpetrel.log.record import record_of_event
from stormpetrel.posts.text.lexical import document_terms
from stormpetrel.projections import IncidentProjection, PhotoProjection, PostProjection
from stormpetrel.stores.photo_objects import PhotoObjects
from tests.fuzzing import operators_key, served
from tests.memory_api import DIMENSIONS, MemoryApi, TextModel
from tests.page_scene import SHOWN, write_scene
from tests.unit.photo_events import described, photo, post_with

HARD_TEXTS = (
    "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script> Acqua alta in via Ferri",
    "\u202eetirw thgir ot tfel\u202c la strada è chiusa",
    "a" + "\u0301\u0316\u0327" * 40 + "cqua ovunque",
    "Il fiume sale ancora, il ponte è chiuso https://evil.example/click",
    "مياه الفيضانات في الشارع",
    "Allagamenti in centro. " * 200,
)
TOWNS = (  # name, longitude, latitude, country, division, H3 cells of resolution 4
    ("Genova", 8.93, 44.41, "IT", "08"),
    ("Valencia", -0.38, 39.47, "ES", "60"),
    ("Thessaloniki", 22.94, 40.64, "GR", "ESYE12"),
    ("Lagos", 3.39, 6.45, "NG", "05"),
    ("Cebu City", 123.89, 10.32, "PH", "07"),
    ("Olbia", 9.5, 40.92, "IT", "14"),
)
STANDING = (  # kind, state, severity, confidence, minutes since its first and last post, posts
    ("flood", "growing", "extreme", 0.97, 150, 2, 214),
    ("flood", "opened", "severe", 0.93, 95, 5, 61),
    ("storm", "easing", "moderate", 0.81, 260, 35, 33),
    ("flood", "suspected", "minor", 0.42, 20, 9, 4),
    ("flood", "opened", "moderate", 0.74, 130, 18, 19),
    ("flood", "closed", "severe", 0.88, 350, 200, 77),
)


class PageNight:
    """The API in memory with the night in it; its scene has `side` times `side` patches."""

    def __init__(self, side: int = SHOWN) -> None:
        self._chance = random.Random(7)
        self.photo_folder = Path(tempfile.mkdtemp(prefix="stormpetrel-page-"))
        imagery = {"directory": str(self.photo_folder / "imagery")}
        self.api = MemoryApi(MemoryLog(), photos={"store": str(self.photo_folder)}, imagery=imagery)
        self.begin = now()
        write_scene(self.api, self.begin - timedelta(hours=1), side)
        self._posts()
        self._photos()
        for number in range(len(TOWNS)):
            for event in self._changes(number):
                self.publish(event)
        action = IncidentAction(
            action_id="night-shift-1",
            incident_id=self.incident_id(2),
            action="acknowledged",
            actor="Night shift",
            reason="Called the municipality",
            acted_at=self.begin - timedelta(minutes=30),
        )
        self.api.log.append(record_of_event(INCIDENT_ACTIONS, action.incident_id, action))

    @contextmanager
    def served(self) -> Iterator[str]:
        """The address of the API, while a notify consumer tells receivers of the night."""
        telling = Telling(self.api.settings, self.api.reader, self.api.producer, lambda: True)
        telling.start()
        try:
            with served(self.api) as address:
                yield address
        finally:
            telling.stop(5)

    @staticmethod
    def incident_id(number: int) -> str:
        return f"inc-page-{number:04d}"

    def publish(self, event: Incident) -> None:
        """To the log, and to the store as the index consumer does."""
        IncidentProjection(self.api.documents).write([event])
        self.api.log.append(record_of_event(INCIDENTS, event.incident_id, event))

    def one_more(self) -> Incident:
        """An incident that opens while the page is looked at."""
        event = self._incident(1, 1, self.begin, incident_id="inc-page-live", place="Sagunto", severity="extreme")
        self.publish(event)
        return event

    def _changes(self, number: int) -> list[Incident]:
        _, _, _, _, first, last, posts = STANDING[number]
        steps = 6
        return [
            self._incident(
                number,
                step + 1,
                self.begin - timedelta(minutes=first - (first - last) * step / (steps - 1)),
                posts=max(3, posts * (step + 1) // steps),
                observed_rate=round(posts * (0.2 + 0.16 * step), 1),
            )
            for step in range(steps)
        ]

    def _incident(self, number: int, revision: int, at: datetime, **fields: Any) -> Incident:
        name, longitude, latitude, country, division = TOWNS[number]
        kind, state, severity, confidence, first, _, posts = STANDING[number]
        evidence = tuple(
            EvidencePost(
                post_id=f"x:night/{number}-{post}",
                posted_at=at - timedelta(minutes=post),
                language="it",
                relevance=0.95 - post / 20,
                members=1 + post * 3,
                has_photo=number == 0 and post == 0,
            )
            for post in range(len(HARD_TEXTS))
        )
        standard: dict[str, Any] = {
            "incident_id": self.incident_id(number),
            "kind": kind,
            "state": state,
            "change": "grew",
            "reason": f"{posts} reports by {posts // 2 + 1} authors, confidence {confidence:.2f}",
            "confidence": confidence,
            "posts_confidence": confidence - 0.04,
            "severity": severity,
            "severity_reasons": (
                SeverityReason(rule="people are cut off", severity=severity, post_id=f"x:night/{number}-3"),
            ),
            "place": name,
            "country_code": country,
            "admin1_code": division,
            "longitude": longitude,
            "latitude": latitude,
            "cells": tuple(h3.grid_disk(h3.latlng_to_cell(latitude, longitude, 5), 1)),
            "areas": (f"{country}.{division}",),
            "first_post_at": self.begin - timedelta(minutes=first),
            "last_post_at": at,
            "opened_at": self.begin - timedelta(minutes=first - 5),
            "changed_at": at,
            "closed_at": at if state == "closed" else None,
            "decided_at": at,
            "posts": posts,
            "authors": posts // 2 + 1,
            "languages": {"it": posts},
            "expected_rate": 0.4,
            "observed_rate": 12.0,
            "evidence": evidence,
            "detector_version": "detector1-test",
        }
        return Incident(revision=revision, **(standard | fields))

    def _posts(self) -> None:
        events = [
            self._post(f"x:night/{number}-{place}", HARD_TEXTS[place], number, place)
            for number in range(len(TOWNS))
            for place in range(len(HARD_TEXTS))
        ]
        events += [self._post(f"x:{900 + n}", f"Strade allagate {n}", n % len(TOWNS), n % 340) for n in range(420)]
        text = EmbeddingSpec("hash@1", DIMENSIONS)
        PostProjection(self.api.documents, self.api.index, "posts", text, "photos").write(events)

    def _post(self, post_id: str, text: str, number: int, minutes: int) -> EnrichedPost:
        name, longitude, latitude, country, _ = TOWNS[number]
        moment = self.begin - timedelta(minutes=minutes)
        place = Place(
            name=name,
            longitude=longitude + self._chance.gauss(0, 0.12),
            latitude=latitude + self._chance.gauss(0, 0.1),
            country_code=country,
            confidence=0.9,
            kind="city",
            resolution_method="gazetteer",
            radius_km=5,
        )
        return EnrichedPost(
            post=Post(
                post_id=post_id,
                source="x",
                text=text,
                created_at=moment,
                ingested_at=moment,
                url="javascript:alert(1)" if post_id.endswith("-1") else "https://x.example/status/1",
            ),
            clean_text=text,
            language="it",
            language_confidence=0.9,
            places=(place,),
            text_vector=Vector.of(TextModel().encode([text])[0], "hash@1"),
            terms=document_terms(text, "it"),
            enriched_at=moment,
        )

    def _photos(self) -> None:
        stores = self.api.documents, self.api.index
        with_photo = post_with("x:night/0-0", "https://p.example/a", at=self.begin)
        text = with_photo.post.model_copy(update={"text": HARD_TEXTS[0]})
        event = with_photo.model_copy(update={"post": text, "clean_text": HARD_TEXTS[0]})
        PostProjection(*stores, "posts", EmbeddingSpec("hash@1", DIMENSIONS), "photos").write([event])  # type: ignore[arg-type]
        PhotoProjection(*stores, "posts", "photos", EmbeddingSpec("seen", 2)).write(  # type: ignore[arg-type]
            [described("x:night/0-0", photo())]
        )
        jpeg = io.BytesIO()
        Image.linear_gradient("L").resize((320, 240)).convert("RGB").save(jpeg, "JPEG")
        objects = PhotoObjects.of(Photos(store=str(self.photo_folder)))
        objects.put("x:night/0-0", f"{0:064x}", jpeg.getvalue(), jpeg.getvalue())


def main() -> None:
    """Serves the night."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--key", action="store_true", help="ask for a key")
    parser.add_argument("--side", type=int, default=SHOWN, help="patches on a side of the scene to label")
    asked = parser.parse_args()
    night = PageNight(asked.side)
    with night.served() as address:
        print(address, operators_key(night.api) if asked.key else "", flush=True)
        for _ in sys.stdin:
            print(night.one_more().incident_id, flush=True)


if __name__ == "__main__":
    main()
