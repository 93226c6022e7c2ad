"""items.labelled -> MongoDB: predictions of label models, one document an item and label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stormpetrel.core.clock import milliseconds
from stormpetrel.core.errors import MalformedRecord, StormpetrelError
from stormpetrel.core.events import ItemsLabelled, decode
from stormpetrel.core.ids import model_id
from stormpetrel.core.ports import Document, DocumentStore
from stormpetrel.log.batch_consumer import Dead, schema_of

RANK_SCALE = 1_000_000  # a decision value times this is an integer that the store can sort by


def prediction_documents(event: ItemsLabelled) -> list[Document]:
    """A document an item: `rank` orders the items of a label. Raises MalformedRecord where scores do not fit."""
    scores = event.scores.values()
    if len(scores) != len(event.item_ids):
        raise MalformedRecord(f"it has {len(scores)} scores of {len(event.item_ids)} items; publish it again")
    key = model_id(event.collection, event.label)
    return [
        {
            "_id": f"{key}:{item_id}",
            "key": key,
            "collection": event.collection,
            "label": event.label,
            "item_id": item_id,
            "score": round(float(score), 6),
            "rank": round(float(score) * RANK_SCALE),
            "positive": bool(score > 0),
            "vector": event.vector,
            "scale_level": event.scale_level,
            "model_version": event.model_version,
            "annotations": event.annotations,
            "labelled_at": milliseconds(event.labelled_at),
        }
        for item_id, score in zip(event.item_ids, scores.tolist(), strict=True)
    ]


class PredictionWriter:
    """Writes predictions in the order of the log: a later one of an item and label replaces the earlier one."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def write(self, messages: Sequence[Any]) -> Dead:
        """The messages that cannot be read. Raises StoreUnavailable; writing again is harmless."""
        dead: Dead = []
        for message in messages:
            try:
                event = decode(message.value() or b"", ItemsLabelled, schema=schema_of(message, ItemsLabelled.name()))
                made = prediction_documents(event)
            except StormpetrelError as error:
                dead.append((message, str(error)))
                continue
            self._documents.upsert("predictions", made)
        return dead
