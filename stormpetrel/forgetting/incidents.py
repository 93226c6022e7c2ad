"""Incidents without the posts that were forgotten: as evidence, and as what a severity rests on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import Incident
from stormpetrel.core.ports import Document
from stormpetrel.core.topics import INCIDENTS
from stormpetrel.forgetting.wanted import Wanted
from stormpetrel.log import TopicReader
from stormpetrel.log.producer import RecordProducer

LOOK_EVERY_S = 1.0


def scrub_incidents(
    looked_for: Wanted,
    reader: TopicReader,
    producer: RecordProducer,
    wait_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """How many incidents named a forgotten post. Of what is still followed the detector tells a new revision; what it
    has not told after `wait_s` is written here, as the same revision without the post."""
    named = naming(looked_for, reader)
    count, waited = len(named), 0.0
    while waited < wait_s and any(incident.state != "closed" for incident in named):
        sleep(LOOK_EVERY_S)
        waited += LOOK_EVERY_S
        named = naming(looked_for, reader)
    for incident in named:
        producer.publish(INCIDENTS, incident.incident_id, without(incident, looked_for.post_ids))
    producer.flush()
    return count


def naming(looked_for: Wanted, reader: TopicReader) -> list[Incident]:
    """The newest revisions that name one of the posts."""
    newest: dict[str, Incident] = {}
    for record in reader.read(INCIDENTS):
        try:
            incident: Incident = record.decode(Incident)
        except StormpetrelError:
            continue  # a dead letter, which is searched as one
        known = newest.get(incident.incident_id)
        if known is None or known.revision <= incident.revision:
            newest[incident.incident_id] = incident
    return [incident for incident in newest.values() if looked_for.post_ids & _posts_of(incident)]


def _posts_of(incident: Incident) -> set[str]:
    evidence = {each.post_id for each in incident.evidence}
    return evidence | {each.post_id for each in incident.severity_reasons}


def without(incident: Incident, post_ids: set[str]) -> Incident:
    """The revision without these posts."""
    return incident.model_copy(
        update={
            "evidence": tuple(each for each in incident.evidence if each.post_id not in post_ids),
            "severity_reasons": tuple(each for each in incident.severity_reasons if each.post_id not in post_ids),
        }
    )


def scrub_documents(looked_for: Wanted, documents: Sequence[Document]) -> list[Document]:
    """Incidents and their revisions as the document store has them, without the posts."""

    def kept(entries: Any) -> list[Any]:
        return [each for each in entries or () if each.get("post_id") not in looked_for.post_ids]

    return [
        {**document, **{name: kept(document.get(name)) for name in ("evidence", "severity_reasons")}}
        for document in documents
    ]
