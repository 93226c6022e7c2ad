"""Topics as they must stand on the broker, and how far the consumer groups are behind."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from stormpetrel.core.errors import SetupError, StoreUnavailable
from stormpetrel.core.settings import Kafka, TopicSettings
from stormpetrel.core.topics import (
    DAY_MS,
    FOR_EVER,
    INCIDENT_ACTIONS,
    INCIDENTS,
    PATCHES_DESCRIBED,
    POSTS_BACKFILL,
    POSTS_ENRICHED,
    POSTS_PHOTOS,
    POSTS_RAW,
    PRODUCTS_ANNOUNCED,
    SIGNALS,
    Topic,
    all_topics,
)
from stormpetrel.log.connection import TIMEOUT_S, client_configuration
from stormpetrel.log.lag import GroupOffsets


def broker_answers(kafka: Kafka, timeout_s: float = 2.0) -> bool:
    """Whether the configured broker answers."""
    try:
        AdminClient(client_configuration(kafka)).list_topics(timeout=timeout_s)
    except KafkaException:
        return False
    return True


def topic_as_set(kafka: Kafka, topic: Topic) -> Topic:
    """The topic with the partitions, the retention and the replicas in sync that the settings ask for."""
    chosen = kafka.topics.get(topic.name, TopicSettings())
    days = chosen.retention_days
    return replace(
        topic,
        partitions=chosen.partitions or topic.partitions,
        retention_ms=topic.retention_ms if days is None else round(days * DAY_MS) if days >= 0 else FOR_EVER,
        min_insync_replicas=kafka.min_insync_replicas,
        compacted_within_ms=round(kafka.compacted_within_days * DAY_MS),
    )


def apply_topics(kafka: Kafka, topics: Sequence[Topic]) -> dict[str, str]:
    """Makes the topics stand as described: topic -> "created", "changed" or "unchanged".

    Raises SetupError where a topic has another number of partitions: changing it would move keys. Raises
    StoreUnavailable where no broker answers.
    """
    topics = [topic_as_set(kafka, topic) for topic in topics]
    admin = AdminClient(client_configuration(kafka))
    try:
        existing = admin.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        raise StoreUnavailable(f"no Kafka broker answers at {kafka.bootstrap}: {error.args[0].str()}") from error
    outcomes: dict[str, str] = {}
    for topic in topics:
        if topic.name in existing:
            partitions = len(existing[topic.name].partitions)
            if partitions != topic.partitions:
                raise SetupError(
                    f"topic {topic.name} has {partitions} partitions, {topic.partitions} are needed: keys would move; "
                    "replay it into a new topic, or delete it while it is empty"
                )
            outcomes[topic.name] = _apply_configuration(admin, topic)
    missing = [
        NewTopic(topic.name, topic.partitions, kafka.replication_factor, config=topic.configuration())
        for topic in topics
        if topic.name not in existing
    ]
    for name, future in (admin.create_topics(missing) if missing else {}).items():
        future.result(TIMEOUT_S)
        outcomes[name] = "created"
    return outcomes


def topics_of_others(kafka: Kafka) -> list[Topic]:
    """The broker's topics that this release does not know: what other programs have made of its own. Raises
    StoreUnavailable."""
    known = {topic.name for topic in all_topics()}
    try:
        listed = AdminClient(client_configuration(kafka)).list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        raise StoreUnavailable(f"no Kafka broker answers at {kafka.bootstrap}: {error.args[0].str()}") from error
    others = sorted(name for name in listed if name not in known and not name.startswith("__"))
    return [Topic(name, "not known", len(listed[name].partitions), FOR_EVER, ()) for name in others]


def _apply_configuration(admin: AdminClient, topic: Topic) -> str:
    resource = ConfigResource(ResourceType.TOPIC, topic.name)
    current = admin.describe_configs([resource])[resource].result(TIMEOUT_S)
    changes = {key: value for key, value in topic.configuration().items() if current[key].value != value}
    if not changes:
        return "unchanged"
    for key, value in changes.items():
        resource.add_incremental_config(ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET))
    admin.incremental_alter_configs([resource])[resource].result(TIMEOUT_S)
    return "changed"


def group_members(kafka: Kafka, group: str) -> int:
    """How many members a group (named without the prefix) has now. Raises StoreUnavailable."""
    name = f"{kafka.group_prefix}-{group}"
    try:
        admin = AdminClient(client_configuration(kafka))  # held: no answer comes to a client that is gone
        described = admin.describe_consumer_groups([name], request_timeout=TIMEOUT_S)[name].result(TIMEOUT_S + 1)
    except (KafkaException, TimeoutError) as error:
        if isinstance(error, KafkaException) and error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return 0
        raise StoreUnavailable(f"the members of {name} are not known: {error}; does the broker answer?") from error
    return len(described.members)


POST_GROUPS = ("worker", "index")  # what posts go through


def consumer_lags(kafka: Kafka) -> dict[str, int]:
    """Records that are left to do: posts for the worker, the photos consumer and the index, products for the scenes
    consumer, patches and incidents for the index, posts, patches, photos, signals and actions for the detector,
    incidents for the notify consumer. Raises StoreUnavailable."""
    lags = {}
    for name, group, topics in (
        ("worker", "worker", (POSTS_RAW, POSTS_BACKFILL)),
        ("photos", "photos", (POSTS_ENRICHED,)),
        ("index", "index", (POSTS_ENRICHED, POSTS_PHOTOS)),
        ("scenes", "scenes", (PRODUCTS_ANNOUNCED,)),
        ("patches", "index", (PATCHES_DESCRIBED,)),
        ("notify", "notify", (INCIDENTS,)),
        ("incidents", "index", (INCIDENTS,)),
        ("detect", "detect", (POSTS_ENRICHED, POSTS_PHOTOS, PATCHES_DESCRIBED, SIGNALS, INCIDENT_ACTIONS)),
    ):
        with closing(GroupOffsets(kafka, group)) as offsets:
            lags[name] = sum(map(offsets.lag, topics))
    return lags
