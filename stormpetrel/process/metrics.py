"""The Prometheus metrics of all processes, by name."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram

POSTS_TAKEN = Counter("stormpetrel_posts_taken_total", "Posts read from a source", ["source", "outcome"])
POSTS_DROPPED = Counter(
    "stormpetrel_posts_dropped_total", "Posts that the gate dropped, by network and reason", ["source", "reason"]
)
SOURCE_READ = Counter("stormpetrel_source_read_total", "Messages read from a live source", ["source"])
SOURCE_BREAKS = Counter("stormpetrel_source_breaks_total", "Connections of a live source that ended", ["source"])
SOURCE_RESTARTS = Counter("stormpetrel_source_restarts_total", "Live sources that ended by a fault of ours", ["source"])
SOURCE_GAPS = Counter(
    "stormpetrel_source_gaps_total", "Times that a network had forgotten what was not read yet", ["source"]
)
SOURCE_POSITION_AGE = Gauge(
    "stormpetrel_source_position_age_seconds", "How old the stored position of a live source is", ["source"]
)
POSTS_ENRICHED = Counter("stormpetrel_posts_enriched_total", "Posts through the enrich processor", ["outcome"])
POSTS_LIMITED = Counter("stormpetrel_posts_limited_total", "Posts whose places were cut short", ["limit"])
ENRICH_SECONDS = Histogram("stormpetrel_enrich_batch_seconds", "Time of one micro-batch of the enrich processor")
POSTS_MATCHED = Counter("stormpetrel_posts_matched_total", "Matches of posts with saved searches", ["outcome"])
MATCH_SECONDS = Histogram("stormpetrel_match_batch_seconds", "Time of one micro-batch against all saved searches")
POSTS_INDEXED = Counter("stormpetrel_posts_indexed_total", "Posts written to both stores", ["outcome"])
INDEX_SECONDS = Histogram("stormpetrel_index_batch_seconds", "Time of one bulk write to both stores")
PHOTOS = Counter("stormpetrel_photos_total", "Photos through the photos consumer, each try counted", ["outcome"])
PHOTO_SECONDS = Histogram(
    "stormpetrel_photo_batch_seconds",
    "Time of one batch of the photos consumer",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 20, 60, 300),
)
PHOTOS_WAITING = Gauge("stormpetrel_posts_awaiting_photos", "Posts whose photos this process will try again")
LABELS_LEARNED = Counter("stormpetrel_labels_learned_total", "Annotations through the learn processor")
MODELS_TO_JUDGE = Gauge(
    "stormpetrel_models_to_judge", "Newest models by which not all indexed items have been judged yet", ["kind"]
)
JUDGING_SECONDS = Histogram(
    "stormpetrel_judging_seconds",
    "Time of judging everything that is indexed by the models that have changed",
    ["kind"],
    buckets=(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100),
)
LABELS_CHANGED = Counter(
    "stormpetrel_labels_changed_total", "Labels of models that indexed items got or lost by judging", ["kind"]
)
SCENES = Counter("stormpetrel_scenes_total", "Products through the scenes consumer", ["outcome"])
CATALOGUE_NOTIFICATIONS = Counter(
    "stormpetrel_catalogue_notifications_total", "Notifications read from a catalogue", ["source", "outcome"]
)
SCENE_SECONDS = Histogram(
    "stormpetrel_scene_seconds",
    "Time of one scene, from its files to its events",
    buckets=(1, 2, 5, 10, 20, 40, 80, 160, 320),
)
LAG = Gauge(
    "stormpetrel_lag_records", "Records of a partition that this process has not worked on yet", ["topic", "partition"]
)
FRESHNESS = Gauge(
    "stormpetrel_freshness_seconds",
    "How long ago the newest record of the last batch was written to its topic",
    ["topic"],
)
VIEW_RECORDS_PASSED_OVER = Counter(
    "stormpetrel_view_records_passed_over_total", "Records that could not be applied to a view of a topic", ["topic"]
)
DEAD_LETTERS = Counter("stormpetrel_dead_letters_total", "Records sent to the dead letters", ["topic", "stage"])
MODEL_VERSIONS = Gauge("stormpetrel_model_version", "1 for the version of each model in use", ["model", "version"])
MODEL_RUNTIMES = Gauge(
    "stormpetrel_model_runtime", "1 for what computes each model, and in which precision", ["model", "runtime"]
)
LAST_PROGRESS = Gauge("stormpetrel_last_progress_timestamp_seconds", "When this process last finished a batch")
NOTIFICATIONS = Counter(
    "stormpetrel_notifications_total", "Entries of the notification log, by receiver", ["receiver", "outcome"]
)
NOTIFICATIONS_MUTED = Counter(
    "stormpetrel_notifications_muted_total", "Differences that were not told, by what muted them", ["kind"]
)
NOTIFICATION_SECONDS = Histogram(
    "stormpetrel_notification_seconds",
    "From a message's creation until its receiver took it",
    ["channel"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 20, 60, 600, 3600),
)
INCIDENT_REVISIONS = Counter(
    "stormpetrel_incident_revisions_total", "Changes of incidents that were published", ["kind", "change"]
)
INCIDENTS_TRACKED = Gauge("stormpetrel_incidents", "Incidents that the detector follows", ["kind", "state"])
DETECT_SECONDS = Histogram(
    "stormpetrel_detect_step_seconds",
    "Time of one step of the detector, from its records to its revisions on the log",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 20),
)
DETECTOR_WATERMARK_DELAY = Gauge(
    "stormpetrel_detector_watermark_delay_seconds", "How far the detector's event time is behind the clock"
)
DETECTOR_SKIPPED = Gauge(
    "stormpetrel_detector_skipped_posts", "Posts that the detector did not count, since its state began", ["reason"]
)
DETECTS = Gauge("stormpetrel_detects", "1 where it is this process that detects, 0 where it stands by")
LISTENERS = Gauge("stormpetrel_listeners", "Clients that listen to saved searches of this process")
SEARCH_SECONDS = Histogram(
    "stormpetrel_search_seconds",
    "Time of one search, by part",
    ["part"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
_labels_in_use: dict[tuple[Gauge, str], str] = {}


def note_lags(lags: Mapping[tuple[str, int], int]) -> int:
    """Shows each (topic, partition)'s lag, and returns their sum."""
    for (topic, partition), lag in lags.items():
        LAG.labels(topic, str(partition)).set(lag)
    return sum(lags.values())


def model_in_use(model: str, version: str, runtime: str | None = None) -> None:
    """This version of the model is in use from now on, in place of an earlier one. `runtime` computes it, where it is
    one of the exported models."""
    _show(MODEL_VERSIONS, model, version)
    if runtime is not None:
        _show(MODEL_RUNTIMES, model, runtime)


def _show(gauge: Gauge, model: str, value: str) -> None:
    earlier = _labels_in_use.get((gauge, model))
    if earlier == value:
        return
    if earlier is not None:
        gauge.remove(model, earlier)
    _labels_in_use[gauge, model] = value
    gauge.labels(model, value).set(1)
