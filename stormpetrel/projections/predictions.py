"""What models say of items, in MongoDB: one document an item and label."""

from __future__ import annotations

from collections.abc import Sequence

from stormpetrel.core.clock import milliseconds
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import ItemsLabelled
from stormpetrel.core.ids import model_id
from stormpetrel.core.ports import Document, DocumentWriter
from stormpetrel.projections.projection import Projection

STEPS_PER_UNIT = 1_000_000  # of a decision value, so that the store can sort by an integer


def prediction_documents(event: ItemsLabelled) -> list[Document]:
    """A document an item: `rank` orders the items of a label."""
    model = model_id(event.collection, event.label)
    shared = {
        "key": model,
        "collection": event.collection,
        "label": event.label,
        "vector": event.vector,
        "scale_level": event.scale_level,
        "model_version": event.model_version,
        "annotations": event.annotations,
        "labelled_at": milliseconds(event.labelled_at),
    }
    return [
        {
            **shared,
            "_id": f"{model}:{item_id}",
            "item_id": item_id,
            "score": round(float(score), 6),
            "rank": round(float(score) * STEPS_PER_UNIT),
            "positive": bool(score > 0),
        }
        for item_id, score in zip(event.item_ids, event.scores.values().tolist(), strict=True)
    ]


class PredictionProjection(Projection):
    """Writes predictions in the order of the log: a later one of an item and label takes the earlier one's place."""

    event_types = (ItemsLabelled,)
    default = ItemsLabelled

    def __init__(self, documents: DocumentWriter) -> None:
        self._documents = documents

    def checked(self, event: ItemsLabelled) -> ItemsLabelled:
        scores = len(event.scores.values())
        if event.item_ids and scores != len(event.item_ids):
            raise MalformedRecord(f"it has {scores} scores of {len(event.item_ids)} items; send it anew")
        return event

    def write(self, events: Sequence[ItemsLabelled]) -> None:
        for event in filter(lambda event: event.item_ids, events):  # none: all of its items were forgotten
            self._documents.upsert("predictions", prediction_documents(event))
