"""Incidents in MongoDB: the newest revision of each, and every revision for its timeline."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from stormpetrel.core.clock import milliseconds
from stormpetrel.core.events import Incident
from stormpetrel.core.ports import Document, DocumentStore
from stormpetrel.projections.projection import Projection

BITS = 12  # of a rank that tell incidents of one millisecond apart


def incident_rank(event: Incident) -> int:
    """The order of incidents by their first post; a number of its own for each, so that pages neither repeat nor skip
    one."""
    tail = int.from_bytes(hashlib.blake2b(event.incident_id.encode(), digest_size=2).digest()) >> (16 - BITS)
    return (milliseconds(event.first_post_at) << BITS) + tail


def incident_document(event: Incident) -> Document:
    """The incident as it stands."""
    fields = event.model_dump(mode="json", exclude={"schema_version"})
    return {"_id": event.incident_id, **fields, "rank": incident_rank(event)}


def revision_document(event: Incident) -> Document:
    """One change of an incident."""
    return {**incident_document(event), "_id": f"{event.incident_id}@{event.revision}"}


class IncidentProjection(Projection):
    """Writes each revision, and the newest one of an incident. An older one that comes again takes no newer one's
    place."""

    event_types = (Incident,)
    default = Incident

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def write(self, events: Sequence[Incident]) -> None:
        self._documents.upsert("incident_revisions", [revision_document(event) for event in events])
        newest: dict[str, Incident] = {}
        for event in events:
            if event.incident_id not in newest or newest[event.incident_id].revision < event.revision:
                newest[event.incident_id] = event
        stored = self._documents.get("incidents", list(newest))
        fresh = [
            incident_document(event)
            for incident_id, event in newest.items()
            if event.revision >= stored.get(incident_id, {}).get("revision", 0)
        ]
        self._documents.upsert("incidents", fresh)
