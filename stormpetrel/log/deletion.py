"""Deletes the first records of a topic, as the broker does it: up to an offset of each partition."""

from __future__ import annotations

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import Topic
from stormpetrel.log.connection import TIMEOUT_S, client_configuration
from stormpetrel.log.topic_reader import Offsets


def delete_records(kafka: Kafka, topic: Topic, before: Offsets) -> None:
    """Deletes the records of each partition that stand before its offset; they are gone for good.

    Raises StoreUnavailable where the broker does not do it.
    """
    ends = [TopicPartition(topic.name, partition, offset) for partition, offset in before.items()]
    admin = AdminClient(client_configuration(kafka))  # kept: its end would end what it has asked for
    try:
        for future in admin.delete_records(ends).values():
            future.result(TIMEOUT_S)
    except KafkaException as error:
        raise StoreUnavailable(f"records of {topic.name} are not deleted: {error.args[0].str()}") from error
