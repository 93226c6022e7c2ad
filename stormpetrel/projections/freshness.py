"""How fresh each modality is: the newest moments that it has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from stormpetrel.core.clock import milliseconds
from stormpetrel.core.ports import DocumentStore

Moments = tuple[datetime, datetime]  # when a post was made, and when it came in


def note_freshness(documents: DocumentStore, by_modality: Mapping[str, Sequence[Moments]]) -> None:
    """Only ever moves on: a replay does not age it."""
    newest = {
        modality: {
            "event_time": max(milliseconds(made) for made, _ in moments),
            "ingested_at": max(milliseconds(came) for _, came in moments),
        }
        for modality, moments in by_modality.items()
        if moments
    }
    if not newest:
        return
    stored = documents.get("freshness", list(newest))
    documents.upsert(
        "freshness",
        [
            {
                "_id": modality,
                **{name: max(value, stored.get(modality, {}).get(name, value)) for name, value in at.items()},
            }
            for modality, at in newest.items()
        ],
    )
