"""A source of your own: messages of river wardens, as JSON lines on standard input, become posts on `posts.raw`.

    echo '{"warden": "anna", "said": "The Bisagno is over its banks", "when": "2025-11-04T19:40:00Z",
           "where": [8.95, 44.42]}' | tr -d '\\n' | python examples/custom_source.py --dry-run

A source does two things: it brings each record into one of the forms that `stormpetrel.posts.payloads` reads (here the
plain one), and it gives the bytes to PostPublisher. What cannot be read goes to the dead-letter topic with the reason,
so nothing is lost in silence.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable

from stormpetrel.core.settings import Kafka, Settings
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log.memory import MemoryLog, MemoryProducer
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.posts.post_publisher import PostPublisher
from stormpetrel.stores.author_key import open_pseudonyms


def plain_record(line: bytes) -> bytes:
    """A warden's message in the plain form: id, text, created_at, and the position as longitude and latitude.

    Raises ValueError or KeyError where it is no such message.
    """
    message = json.loads(line)
    longitude, latitude = message["where"]
    record = {
        "id": f"warden-{message['warden']}-{message['when']}",
        "text": message["said"],
        "created_at": message["when"],
        "longitude": longitude,
        "latitude": latitude,
    }
    return json.dumps(record).encode()


def publish(lines: Iterable[bytes], publisher: PostPublisher) -> None:
    """Publishes every message; returns when the broker holds them all."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = plain_record(line)
        except (ValueError, KeyError, TypeError):
            record = line  # PostPublisher sends what it cannot read to the dead letters, with the reason
        publisher.take(record, f"wardens:{number}")
    publisher.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="the Kafka broker")
    parser.add_argument("--dry-run", action="store_true", help="print what would be published")
    arguments = parser.parse_args()
    log = MemoryLog()
    producer = MemoryProducer(log) if arguments.dry_run else KafkaProducer(Kafka(bootstrap=arguments.bootstrap))
    publisher = PostPublisher(producer, "wardens", pseudonyms=open_pseudonyms(Settings()))
    publish(sys.stdin.buffer, publisher)
    for topic in (POSTS_RAW, POSTS_RAW.dead()):
        for record in log.records(topic.name):
            print(f"{topic.name}  {record.value.decode().strip()}")
    print(", ".join(f"{count} {outcome}" for outcome, count in publisher.counts.items()))


if __name__ == "__main__":
    main()
