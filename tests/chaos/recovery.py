"""When a system works again after faults, and when it is stuck."""

from __future__ import annotations

import time

from confluent_kafka import KafkaException

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.topics import (
    ANNOTATIONS,
    INCIDENTS,
    ITEMS_LABELLED,
    PATCHES_DESCRIBED,
    POSTS_BACKFILL,
    POSTS_ENRICHED,
    POSTS_RAW,
    PRODUCTS_ANNOUNCED,
)
from tests.chaos.load import Load
from tests.chaos.system import ChaosSystem
from tests.integration.running import COLLECTION

GROUPS = {
    "scenes": (PRODUCTS_ANNOUNCED,),
    "worker": (POSTS_RAW, POSTS_BACKFILL, ANNOTATIONS, POSTS_ENRICHED),
    "index": (POSTS_ENRICHED, PATCHES_DESCRIBED, ITEMS_LABELLED, PRODUCTS_ANNOUNCED, INCIDENTS),
}
LOOK_EVERY_S = 5.0


def until_a_post_comes_through(system: ChaosSystem, load: Load, name: str, faults: str, within_s: float) -> float:
    """Seconds until a marked post is in both stores. A system is stuck where it is in neither after `within_s`, and the
    index consumer has done nothing for a quarter of that time; one that works off what has piled up is only late."""
    started = looked_at = moved_at = time.monotonic()
    marker, done = load.publish_marker(name), -1
    while not _is_in_both_stores(system, marker):
        at = time.monotonic()
        if at - looked_at > LOOK_EVERY_S:
            looked_at, newest = at, _done(system)
            if newest > done:
                done, moved_at = newest, at
        assert at - started < within_s or at - moved_at < within_s / 4, (
            f"no post came through {at - started:.0f} s after: {faults}; lag {lags(system)}, not ready "
            f"{system.not_ready()}, restarts {dict(system.restarts)}"
        )
        time.sleep(0.2)
    return time.monotonic() - started


def lags(system: ChaosSystem) -> dict[str, int]:
    """Records that a consumer group has still to work on, by group and topic."""
    return {f"{group} {topic.name}": system.lag(group, topic) for group, topics in GROUPS.items() for topic in topics}


def _is_in_both_stores(system: ChaosSystem, post_id: str) -> bool:
    try:
        return bool(system.documents.get("posts", [post_id]) and system.index.vectors(COLLECTION, [post_id], ["text"]))
    except StormpetrelError:
        return False


def _done(system: ChaosSystem) -> int:
    """How many enriched posts the index consumer has committed; -1 while the broker does not say."""
    try:
        return system.committed("index", POSTS_ENRICHED)
    except KafkaException:
        return -1
