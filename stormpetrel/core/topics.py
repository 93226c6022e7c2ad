"""The topics: their keys, partitions, retention and the events that each one carries."""

from __future__ import annotations

from dataclasses import dataclass

from stormpetrel.core.events import (
    Annotation,
    AnnotationUndone,
    ApiKeyAdded,
    ApiKeyRevoked,
    Audited,
    EnrichedPost,
    Event,
    ItemsLabelled,
    LabelDefined,
    ModelUpdated,
    PatchDescribed,
    PatchWithdrawn,
    Post,
    PostDeleted,
    ProductAnnounced,
    ProductWithdrawn,
    SavedSearch,
    SavedSearchDeleted,
    SceneDescribed,
    SceneWithdrawn,
)

DAY_MS = 86_400_000
FOR_EVER = -1


@dataclass(frozen=True)
class Topic:
    """A topic as it should be configured on the broker. A `retention_ms` of -1 keeps records for ever."""

    name: str
    key: str
    partitions: int
    retention_ms: int
    events: tuple[type[Event], ...]
    compacted: bool = False

    def configuration(self) -> dict[str, str]:
        """Cleanup policy and retention, by the broker's own names."""
        policy = "compact" if self.compacted else "delete"
        return {"cleanup.policy": policy, "retention.ms": str(self.retention_ms)}

    def dead(self) -> Topic:
        """The dead-letter topic: raw bytes of records that could not be processed, with the reason in their headers."""
        return Topic(dead_letter_name(self.name), f"as in {self.name}", 3, 30 * DAY_MS, ())


def dead_letter_name(topic: str) -> str:
    return f"{topic}.dead"


POSTS_RAW = Topic("posts.raw", "post_id", 12, 7 * DAY_MS, (Post, PostDeleted))
POSTS_ENRICHED = Topic("posts.enriched", "post_id", 12, 30 * DAY_MS, (EnrichedPost, PostDeleted))
SAVED_SEARCHES = Topic(
    "saved_searches", "saved_search_id", 3, FOR_EVER, (SavedSearch, SavedSearchDeleted), compacted=True
)
PRODUCTS_ANNOUNCED = Topic(
    "products.announced", "product_name", 6, FOR_EVER, (ProductAnnounced, ProductWithdrawn), compacted=True
)
PATCHES_DESCRIBED = Topic(
    "patches.described", "scene_id", 12, 30 * DAY_MS, (PatchDescribed, PatchWithdrawn, SceneDescribed, SceneWithdrawn)
)
ANNOTATIONS = Topic("annotations", "collection", 6, FOR_EVER, (Annotation, AnnotationUndone, LabelDefined))
ITEMS_LABELLED = Topic("items.labelled", "collection:label", 6, FOR_EVER, (ItemsLabelled,))
MODELS_UPDATED = Topic("models.updated", "model_id", 1, FOR_EVER, (ModelUpdated,), compacted=True)
KEYS = Topic("keys", "key_id", 1, FOR_EVER, (ApiKeyAdded, ApiKeyRevoked), compacted=True)
AUDIT = Topic("audit", "actor", 3, 365 * DAY_MS, (Audited,))
LIVE_TOPICS = (
    POSTS_RAW,
    POSTS_ENRICHED,
    SAVED_SEARCHES,
    PRODUCTS_ANNOUNCED,
    PATCHES_DESCRIBED,
    ANNOTATIONS,
    ITEMS_LABELLED,
    MODELS_UPDATED,
    KEYS,
    AUDIT,
)


def all_topics() -> tuple[Topic, ...]:
    """Every topic this release works with, the dead-letter ones included."""
    return LIVE_TOPICS + tuple(topic.dead() for topic in LIVE_TOPICS)
