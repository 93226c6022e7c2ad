"""A right event of every topic, as the fields that stand on the wire: what poison is made from."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from stormpetrel.core.clock import now
from stormpetrel.core.events import (
    AlertRule,
    Annotation,
    ApiKeyAdded,
    Audited,
    AwaitedPhoto,
    DetectionStep,
    EnrichedPost,
    Event,
    Forgotten,
    Incident,
    IncidentAction,
    ItemsLabelled,
    Matchers,
    ModelUpdated,
    Mute,
    NotificationLogged,
    PatchDescribed,
    Photo,
    PhotosAwaited,
    PhotosDescribed,
    Post,
    PostDropped,
    PostMatched,
    ProductAnnounced,
    Route,
    SavedSearch,
    Signal,
    Silence,
    SourceGap,
    SourcePosition,
    TermWeights,
    Vector,
)
from stormpetrel.core.topics import (
    ANNOTATIONS,
    AUDIT,
    FORGOTTEN,
    INCIDENT_ACTIONS,
    INCIDENT_STEPS,
    INCIDENTS,
    ITEMS_LABELLED,
    KEYS,
    MODELS_UPDATED,
    NOTIFICATIONS,
    PATCHES_DESCRIBED,
    PHOTOS_AWAITED,
    POSTS_BACKFILL,
    POSTS_DROPPED,
    POSTS_ENRICHED,
    POSTS_MATCHED,
    POSTS_PHOTOS,
    POSTS_RAW,
    PRODUCTS_ANNOUNCED,
    RULES,
    SAVED_SEARCHES,
    SIGNALS,
    SILENCES,
    SOURCE_GAPS,
    SOURCE_POSITIONS,
    Topic,
)

KEYED_BY_ANOTHER_NAME = (ITEMS_LABELLED, KEYS, INCIDENT_STEPS, SILENCES, NOTIFICATIONS, FORGOTTEN)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
Fields = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """An event of a topic, and the paths of its fields that poison is put into."""

    topic: Topic
    event: Event
    id_path: tuple[str, ...]
    moment_path: tuple[str, ...]
    vector_path: tuple[str, ...] | None = None
    text_path: tuple[str, ...] | None = None

    def fields(self, name: str = "sample") -> Fields:
        """A fresh copy of the event's fields; its id has `name` in place of "sample"."""
        fields: Fields = copy.deepcopy(self.event.model_dump(mode="json", exclude_none=True))
        holder = fields
        for part in self.id_path[:-1]:
            holder = holder[part]
        holder[self.id_path[-1]] = holder[self.id_path[-1]].replace("sample", name)
        return fields

    def key(self, name: str) -> str:
        """The key of a record whose id has this name."""
        return name if self.topic in KEYED_BY_ANOTHER_NAME else self.id_of(self.fields(name))

    def id_of(self, fields: Fields) -> str:
        for part in self.id_path:
            fields = fields[part]
        return str(fields)


def _vector(dimensions: int, model: str = "all-MiniLM-L6-v2") -> Vector:
    values = np.zeros(dimensions, dtype=np.float32)
    values[0] = 1
    return Vector.of(values, model)


POST = Post(post_id="file:sample", source="file", text="Water in the streets", created_at=NOW, ingested_at=now())
ENRICHED = EnrichedPost(
    post=POST,
    clean_text=POST.text,
    language="en",
    language_confidence=1,
    text_vector=_vector(384),
    terms=TermWeights(indices=(3, 7), values=(0.5, 1.0)),
    enriched_at=NOW,
)
PHOTOS = PhotosDescribed(
    post_id="file:sample",
    posted_at=NOW,
    ingested_at=now(),
    photos=(Photo(position=0, address="0" * 32, problem="the server does not answer", awaited=True),),
    described_at=NOW,
)
AWAITED = PhotosAwaited(described=PHOTOS, awaited=(AwaitedPhoto(position=0, url="https://photos.example/1.jpg"),))
DROPPED = PostDropped(post_id="file:sample", post=POST, reason="no_word", dropped_at=NOW)
POSITION = SourcePosition(source="sample", position="1", stored_at=NOW)
GAP = SourceGap(source="sample", reason="the network keeps a day", noticed_at=NOW)
SIGNAL = Signal(signal_id="feeds:sample", feed="chaos", title="Flood", published_at=NOW, ingested_at=NOW)
FORGET = Forgotten(subject="post", digest="0" * 32, forgotten_at=NOW)
PRODUCT = ProductAnnounced(
    product_name="S1A_sample",
    platform="sentinel-1",
    product_type="GRD",
    sensed_from=NOW,
    sensed_until=NOW,
    footprint={"type": "Polygon", "coordinates": [[[8, 44], [9, 44], [9, 45], [8, 44]]]},
    location="/nowhere/S1A_sample.SAFE",
    source="chaos",
    announced_at=NOW,
)
PATCH = PatchDescribed(
    patch_id="S1A_sample/32632/g120/r4100c0408",
    scene_id="S1A_sample",
    sensed_at=NOW,
    epsg=32632,
    scale_level=120,
    row=4100,
    column=408,
    longitude=8.9,
    latitude=44.4,
    ring=((8.9, 44.4), (8.91, 44.4), (8.91, 44.41), (8.9, 44.4)),
    nodata_share=0,
    sar_vector=_vector(144, "weber"),
    described_at=NOW,
)
ANNOTATION = Annotation(
    annotation_id="annotation-sample",
    collection="posts/chaos",
    item_id="file:sample",
    label="related",
    sign="positive",
    annotator="chaos",
    vectors={"text": _vector(384)},
    annotated_at=NOW,
)
LABELLED = ItemsLabelled(
    collection="posts/chaos",
    label="related",
    vector="text",
    model_version="0" * 16,
    annotations=1,
    item_ids=("file:sample",),
    scores=_vector(1, "logistic"),
    part=1,
    parts=1,
    labelled_at=NOW,
)
MODEL = ModelUpdated(
    model_id="posts/chaos:related",
    model_version="0" * 16,
    collection="posts/chaos",
    label="related",
    vector="text",
    vector_model="all-MiniLM-L6-v2",
    annotations=1,
    last_annotation_id="annotation-sample",
    serving="none",
    weights={},
    prequential={},
    state={},
    position=(0, 0),
    updated_at=NOW,
)
SEARCH = SavedSearch(saved_search_id="saved-sample", request={"text": "flood"}, min_relevance=0.5, created_at=NOW)
MATCHED = PostMatched(
    match_id="0" * 32,
    saved_search_id="saved-sample",
    post_id="x:sample",
    decided_by="score",
    scores={"text": 0.5},
    reason="sample",
    recent_rank=1,
    recent_count=1,
    posted_at=NOW,
    matched_at=NOW,
)
INCIDENT = Incident(
    incident_id="sample",
    revision=1,
    kind="flood",
    state="opened",
    change="first",
    reason="12 authors in 10 minutes",
    confidence=0.8,
    posts_confidence=0.8,
    severity="moderate",
    place="Genova",
    longitude=8.9,
    latitude=44.4,
    cells=("851f9b0bfffffff",),
    first_post_at=NOW,
    last_post_at=NOW,
    changed_at=NOW,
    decided_at=NOW,
    posts=12,
    authors=12,
    expected_rate=0.5,
    observed_rate=72,
    detector_version="chaos@1",
)
ACTION = IncidentAction(action_id="0" * 32, incident_id="sample", action="acknowledged", actor="chaos", acted_at=NOW)
STEP = DetectionStep(follows=-1, ends={"posts.enriched/0": 3}, watermark=NOW, decided_at=NOW)
NOWHERE = Matchers(admin_codes=("ZZ",))  # what the rule and the silence say is of no incident
RULE = AlertRule(
    rule_id="sample",
    title="Nothing",
    route=Route(matchers=NOWHERE, receivers=("stream",)),
    author="chaos",
    changed_at=NOW,
)
SILENCE = Silence(
    silence_id="0" * 32,
    matchers=NOWHERE,
    author="chaos",
    reason="sample",
    created_at=NOW,
    starts_at=NOW,
    ends_at=datetime(2026, 1, 2, tzinfo=UTC),
)
NOTIFICATION = NotificationLogged(
    outcome="muted",
    group="sample",
    receiver="stream",
    rule_id="sample",
    logged_at=NOW,
    incident_id="sample",
    revision=1,
    reason="first",
    mute=Mute(kind="silence", by="0" * 32),
)
KEY = ApiKeyAdded(key_id="0" * 12, principal="chaos", scopes=("read",), digest="0" * 64, added_at=NOW)
AUDITED = Audited(actor="sample", action="POST /v1/labels", object="/v1/labels", outcome="201", at=NOW)
SAMPLES = (
    Sample(POSTS_RAW, POST, ("post_id",), ("created_at",), text_path=("text",)),
    Sample(POSTS_BACKFILL, POST, ("post_id",), ("created_at",), text_path=("text",)),
    Sample(POSTS_ENRICHED, ENRICHED, ("post", "post_id"), ("enriched_at",), ("text_vector",), ("clean_text",)),
    Sample(POSTS_PHOTOS, PHOTOS, ("post_id",), ("posted_at",)),
    Sample(PHOTOS_AWAITED, AWAITED, ("described", "post_id"), ("described", "posted_at")),
    Sample(POSTS_DROPPED, DROPPED, ("post_id",), ("dropped_at",)),
    Sample(SOURCE_POSITIONS, POSITION, ("source",), ("stored_at",)),
    Sample(SOURCE_GAPS, GAP, ("source",), ("noticed_at",)),
    Sample(SIGNALS, SIGNAL, ("signal_id",), ("published_at",)),
    Sample(SAVED_SEARCHES, SEARCH, ("saved_search_id",), ("created_at",)),
    Sample(POSTS_MATCHED, MATCHED, ("match_id",), ("matched_at",)),
    Sample(PRODUCTS_ANNOUNCED, PRODUCT, ("product_name",), ("sensed_from",)),
    Sample(PATCHES_DESCRIBED, PATCH, ("patch_id",), ("sensed_at",), ("sar_vector",)),
    Sample(ANNOTATIONS, ANNOTATION, ("item_id",), ("annotated_at",), ("vectors", "text")),
    Sample(ITEMS_LABELLED, LABELLED, ("model_version",), ("labelled_at",), ("scores",)),
    Sample(MODELS_UPDATED, MODEL, ("model_id",), ("updated_at",)),
    Sample(INCIDENTS, INCIDENT, ("incident_id",), ("first_post_at",)),
    Sample(INCIDENT_ACTIONS, ACTION, ("incident_id",), ("acted_at",)),
    Sample(INCIDENT_STEPS, STEP, ("decided_at",), ("watermark",)),
    Sample(RULES, RULE, ("rule_id",), ("changed_at",)),
    Sample(SILENCES, SILENCE, ("reason",), ("created_at",)),
    Sample(NOTIFICATIONS, NOTIFICATION, ("group",), ("logged_at",)),
    Sample(FORGOTTEN, FORGET, ("subject",), ("forgotten_at",)),
    Sample(KEYS, KEY, ("key_id",), ("added_at",)),
    Sample(AUDIT, AUDITED, ("actor",), ("at",)),
)
