"""Fills the stores of a running system with many posts, past the log: straight into the engine, then optimised.

What is measured afterwards goes through the API. How the posts came in is not part of it (the main path's benchmark
measures that): a million of them through the log would take hours on two cores.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from benchmarks.fixtures import model_directory, say
from stormpetrel.core.cells import RESOLUTIONS, cells
from stormpetrel.core.clock import milliseconds
from stormpetrel.core.events import EnrichedPost, Place, Post, Vector
from stormpetrel.core.ids import point_id
from stormpetrel.demo.pictures import SCENES, picture
from stormpetrel.local.qdrant_codec import read_configuration
from stormpetrel.local.stack import answers
from stormpetrel.local.vector_optimiser import Optimiser
from stormpetrel.posts.text.encoder import TextEncoder
from stormpetrel.posts.text.lexical import document_terms
from stormpetrel.posts.vision.concepts import colour_scores, terms_of
from stormpetrel.posts.vision.descriptor import Descriptor
from stormpetrel.projections.posts import post_document, post_point
from tests.integration.running import COLLECTION, RunningSystem, wait_until

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
HOTSPOTS = 40
TEXTS = 5000
PHOTOS = 300
PHOTO_EVERY = 5  # one post in five has a photo
BATCH = 2000


class GeneratedPosts:
    """Posts with the vectors of real texts, each moved a little, around hot spots in Europe over a month."""

    def __init__(self, texts: list[str], concepts: Any) -> None:
        self.texts = texts[:TEXTS]
        encoder = TextEncoder(model_directory())
        self.version, self.base = encoder.version, encoder.encode(self.texts)
        self.terms = [document_terms(text, "en") for text in self.texts]
        photos = [picture(SCENES[n % len(SCENES)], n) for n in range(PHOTOS)]
        self.visual_vectors = Descriptor().encode(photos)
        self.concepts = [terms_of(colour_scores(photo, concepts.concepts)) for photo in photos]
        self.rng = np.random.default_rng(5)
        self.spots = self.rng.uniform((-5.0, 37.0), (20.0, 55.0), (HOTSPOTS, 2))
        self.payload, self.document = self._templates()

    def _templates(self) -> tuple[dict[str, Any], dict[str, Any]]:
        post = Post(post_id="file:bench-0", source="file", text=self.texts[0], created_at=START, ingested_at=START)
        place = Place(name="spot", longitude=0, latitude=0, confidence=1, kind="city", resolution_method="gazetteer")
        event = EnrichedPost(
            post=post,
            clean_text=self.texts[0],
            language="en",
            language_confidence=1,
            places=(place,),
            text_vector=Vector.of(self.base[0], self.version),
            terms=self.terms[0],
            enriched_at=START,
        )
        return post_point(event, 0).payload, post_document(event)

    def batches(self, count: int) -> Iterator[tuple[list[Any], list[dict[str, Any]]]]:
        """(points, documents) of `BATCH` posts at a time."""
        for start in range(0, count, BATCH):
            rows = np.arange(start, min(count, start + BATCH))
            vectors = self.base[rows % len(self.base)] + self.rng.normal(0, 0.02, (len(rows), self.base.shape[1]))
            places = self.spots[rows % HOTSPOTS] + self.rng.normal(0, 0.3, (len(rows), 2))
            seconds = self.rng.uniform(0, DAYS * 86_400, len(rows))
            fields = zip(rows.tolist(), vectors, places.tolist(), seconds.tolist(), strict=True)
            posts = [self._post(*each) for each in fields]
            yield [point for point, _ in posts], [document for _, document in posts]

    def _post(
        self, number: int, vector: NDArray[np.float64], place: list[float], seconds: float
    ) -> tuple[Any, dict[str, Any]]:
        post_id, row = f"file:bench-{number}", number % len(self.texts)
        at = START + timedelta(seconds=seconds)
        cell_ids = cells(place[0], place[1])
        payload = {
            **self.payload,
            "id": post_id,
            "event_time": milliseconds(at),
            "ingested_at": milliseconds(at),
            "location": [{"lon": place[0], "lat": place[1]}],
            "towns": [{"lon": place[0], "lat": place[1]}],
            **{f"cells_{resolution}": [cell_ids[resolution]] for resolution in RESOLUTIONS},
        }
        vectors: dict[str, Any] = {"text": vector.tolist()}
        terms = self.terms[row]
        if terms is not None:
            vectors["lexical"] = edge.SparseVector(list(terms.indices), list(terms.values))
        if number % PHOTO_EVERY == 0:
            photo = number // PHOTO_EVERY % PHOTOS
            visual = self.visual_vectors[photo] + self.rng.normal(0, 0.02, self.visual_vectors.shape[1])
            vectors["visual"] = visual.tolist()
            terms = self.concepts[photo]
            if terms is not None:
                vectors["concepts"] = edge.SparseVector(list(terms.indices), list(terms.values))
        document = {
            **self.document,
            "_id": post_id,
            "post_id": post_id,
            "text": self.texts[row],
            "created_at": at.isoformat(),
        }
        return edge.Point(point_id(post_id), vectors, payload), document


def fill(system: RunningSystem, texts: list[str], concepts: Any, count: int) -> None:
    """Writes `count` generated posts to both stores, as `write_past_the_log` does."""
    write_past_the_log(system, GeneratedPosts(texts, concepts).batches(count), count)


def write_past_the_log(
    system: RunningSystem, batches: Iterable[tuple[list[Any], list[dict[str, Any]]]], count: int
) -> None:
    """Writes (points, documents) to the stores, until the index has `count` posts; it is stopped meanwhile and comes
    back optimised."""
    record = system.directory / "vectors" / f"{COLLECTION}.json"
    state = json.loads(record.read_text())
    system.stack.processes["qdrant"].terminate()
    system.stack.processes["qdrant"].wait(20)
    folder = record.with_suffix("") / str(state["generation"])
    shard = edge.EdgeShard.load(str(folder), read_configuration(state["configuration"]))
    documents = system.documents
    for number, (points, batch) in enumerate(batches):
        shard.update(edge.UpdateOperation.upsert_points(points))
        documents.upsert("posts", batch)
        if number % 10 == 9:
            shard.flush()
            say(f"{(number + 1) * BATCH} of {count}")
    shard.flush()
    shard.close()
    say("optimising")
    Optimiser()(folder, state["configuration"])
    record.write_text(json.dumps({**state, "optimised": count}))
    system.stack.restart_dead()
    wait_until(lambda: answers(system.settings.local.qdrant_port), 120, "the vector index is back")
    assert system.index.count(COLLECTION) == count
