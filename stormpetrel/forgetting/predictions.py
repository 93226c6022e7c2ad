"""Predictions of forgotten posts: their part is written again without them."""

from __future__ import annotations

import numpy as np

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import ItemsLabelled, Vector
from stormpetrel.core.topics import ITEMS_LABELLED
from stormpetrel.forgetting.wanted import Wanted
from stormpetrel.log import Record, TopicReader
from stormpetrel.log.producer import RecordProducer


def scrub_predictions(looked_for: Wanted, reader: TopicReader, producer: RecordProducer) -> int:
    """How many parts were written again, each in the place of the one that names a forgotten post."""
    newest: dict[bytes | None, Record] = {record.key: record for record in reader.read(ITEMS_LABELLED)}
    count = 0
    for record in newest.values():
        try:
            event: ItemsLabelled = record.decode(ItemsLabelled)
        except StormpetrelError:
            continue  # a dead letter, which is searched as one
        if looked_for.post_ids.intersection(event.item_ids):
            producer.publish(ITEMS_LABELLED, event.key, without(event, looked_for.post_ids))
            count += 1
    producer.flush()
    return count


def without(event: ItemsLabelled, post_ids: set[str]) -> ItemsLabelled:
    """The part without these items."""
    rows = [row for row, item_id in enumerate(event.item_ids) if item_id not in post_ids]
    scores = event.scores.values()[rows] if rows else np.zeros(1, dtype=np.float32)
    kept = tuple(event.item_ids[row] for row in rows)
    return event.model_copy(update={"item_ids": kept, "scores": Vector.of(scores, event.scores.model)})
