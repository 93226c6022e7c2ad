"""The topics: their keys, partitions, retention and the events that each one carries."""

from __future__ import annotations

from dataclasses import dataclass

from stormpetrel.core import events
from stormpetrel.core.events import Event

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
    min_insync_replicas: int = 1
    compacted_within_ms: int = 7 * DAY_MS

    @property
    def bound_ms(self) -> int | None:
        """How long a record stands at the most once its time is over: of a compacted topic from when another replaced
        it, of any other from when it was written. The broker deletes whole files, so it takes a tenth longer. None: it
        is kept for ever."""
        if self.compacted:
            return self.compacted_within_ms
        return None if self.retention_ms == FOR_EVER else self.retention_ms + self._segment_ms

    @property
    def _segment_ms(self) -> int:
        return max(1000, self.retention_ms // 10)

    def configuration(self) -> dict[str, str]:
        """Cleanup policy, retention and how many replicas must hold a record, by the broker's own names."""
        named = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_ms),
            "min.insync.replicas": str(self.min_insync_replicas),
        }
        if self.compacted:
            # A file is closed after this long, and cleaned at once: otherwise only when it is large enough.
            named |= {"max.compaction.lag.ms": str(self.compacted_within_ms)}
        elif self.retention_ms != FOR_EVER:
            named |= {"segment.ms": str(self._segment_ms)}
        return named

    def dead(self) -> Topic:
        """The dead-letter topic: raw bytes of records that could not be processed, with the reason in their headers."""
        return Topic(dead_letter_name(self.name), f"as in {self.name}", 3, 30 * DAY_MS, ())


def dead_letter_name(topic: str) -> str:
    return f"{topic}.dead"


SCENE_EVENTS = (events.PatchDescribed, events.PatchWithdrawn, events.SceneDescribed, events.SceneWithdrawn)
ANNOTATION_EVENTS = (events.Annotation, events.AnnotationUndone, events.AnnotationForgotten, events.LabelDefined)
POSTS_RAW = Topic("posts.raw", "post_id", 12, 7 * DAY_MS, (events.Post, events.PostDeleted))
POSTS_BACKFILL = Topic("posts.backfill", "post_id", 12, 7 * DAY_MS, (events.Post, events.PostDeleted))
POSTS_ENRICHED = Topic("posts.enriched", "post_id", 12, 30 * DAY_MS, (events.EnrichedPost, events.PostDeleted))
POSTS_PHOTOS = Topic("posts.photos", "post_id", 12, 30 * DAY_MS, (events.PhotosDescribed,))
PHOTOS_AWAITED = Topic("photos.awaited", "post_id", 12, 7 * DAY_MS, (events.PhotosAwaited, events.PostDeleted))
SAVED_SEARCHES = Topic(
    "saved_searches", "saved_search_id", 3, FOR_EVER, (events.SavedSearch, events.SavedSearchDeleted), compacted=True
)
POSTS_MATCHED = Topic("posts.matched", "saved_search_id", 6, 7 * DAY_MS, (events.PostMatched,))
PRODUCTS_ANNOUNCED = Topic(
    "products.announced", "product_name", 6, FOR_EVER, (events.ProductAnnounced, events.ProductWithdrawn), True
)
PATCHES_DESCRIBED = Topic("patches.described", "scene_id", 12, 30 * DAY_MS, SCENE_EVENTS)
# One partition each: their order is that of the collection, and their key that of the annotation or of the part, so
# that the broker can drop the one that was replaced.
ANNOTATIONS = Topic("annotations", "annotation_id", 1, FOR_EVER, ANNOTATION_EVENTS, compacted=True)
ITEMS_LABELLED = Topic("items.labelled", "collection:label:part", 1, FOR_EVER, (events.ItemsLabelled,), compacted=True)
MODELS_UPDATED = Topic("models.updated", "model_id", 1, FOR_EVER, (events.ModelUpdated,), compacted=True)
INCIDENTS = Topic("incidents", "incident_id", 6, FOR_EVER, (events.Incident,), compacted=True)
INCIDENT_ACTIONS = Topic("incident.actions", "incident_id", 6, FOR_EVER, (events.IncidentAction,))
RULES = Topic("rules", "rule_id", 3, FOR_EVER, (events.AlertRule, events.AlertRuleDeleted), compacted=True)
SILENCES = Topic("silences", "silence_id", 3, FOR_EVER, (events.Silence, events.SilenceEnded), compacted=True)
NOTIFICATIONS = Topic("notifications", "group:receiver", 6, 365 * DAY_MS, (events.NotificationLogged,))
INCIDENT_STEPS = Topic("incident.steps", "detector", 1, 7 * DAY_MS, (events.DetectionStep,))
KEYS = Topic("keys", "key_id", 1, FOR_EVER, (events.ApiKeyAdded, events.ApiKeyRevoked), compacted=True)
FORGOTTEN = Topic("forgotten", "digest", 1, FOR_EVER, (events.Forgotten,), compacted=True)
SOURCE_POSITIONS = Topic("source.positions", "source", 1, FOR_EVER, (events.SourcePosition,), compacted=True)
SOURCE_GAPS = Topic("source.gaps", "source", 1, 365 * DAY_MS, (events.SourceGap,))
POSTS_DROPPED = Topic("posts.dropped", "post_id", 3, 7 * DAY_MS, (events.PostDropped,))
SIGNALS = Topic("signals", "signal_id", 3, 365 * DAY_MS, (events.Signal,))
AUDIT = Topic("audit", "actor", 3, 365 * DAY_MS, (events.Audited,))
# What decides who is told of incidents, and what was told.
ALERTING_TOPICS = (RULES, SILENCES, INCIDENT_ACTIONS, INCIDENTS, NOTIFICATIONS)
LIVE_TOPICS = (
    POSTS_RAW,
    POSTS_BACKFILL,
    POSTS_ENRICHED,
    POSTS_PHOTOS,
    PHOTOS_AWAITED,
    SAVED_SEARCHES,
    POSTS_MATCHED,
    PRODUCTS_ANNOUNCED,
    PATCHES_DESCRIBED,
    ANNOTATIONS,
    ITEMS_LABELLED,
    MODELS_UPDATED,
    INCIDENTS,
    INCIDENT_ACTIONS,
    RULES,
    SILENCES,
    NOTIFICATIONS,
    INCIDENT_STEPS,
    KEYS,
    FORGOTTEN,
    AUDIT,
    SOURCE_POSITIONS,
    SOURCE_GAPS,
    POSTS_DROPPED,
    SIGNALS,
)


def all_topics() -> tuple[Topic, ...]:
    """Every topic this release works with, the dead-letter ones included."""
    return LIVE_TOPICS + tuple(topic.dead() for topic in LIVE_TOPICS)
