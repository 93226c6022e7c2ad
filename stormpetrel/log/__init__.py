"""The one home of Kafka: typed records, producers, consumers, views of topics, dead letters and administration.

`memory.py` is the same log inside a process, for tests. Faust's own consumers live in `streams/`.
"""

from stormpetrel.log.batch_consumer import BatchConsumer, RecordConsumer, Rejected
from stormpetrel.log.dead_letters import DeadLetter, dead_letter_of, read_dead_letters
from stormpetrel.log.record import OutgoingRecord, Position, Record, record_of_event
from stormpetrel.log.topic_reader import TopicReader
from stormpetrel.log.topic_view import TopicView

__all__ = [
    "BatchConsumer",
    "DeadLetter",
    "OutgoingRecord",
    "Position",
    "Record",
    "RecordConsumer",
    "Rejected",
    "TopicReader",
    "TopicView",
    "dead_letter_of",
    "read_dead_letters",
    "record_of_event",
]
