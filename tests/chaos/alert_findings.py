"""What is wrong after a run of kills, by what the webhook was sent and by the log."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from stormpetrel.core.events import Incident, NotificationLogged
from stormpetrel.core.topics import INCIDENTS, NOTIFICATIONS
from stormpetrel.log import Record, TopicReader
from tests.alert_servers import Hook
from tests.chaos.incident_load import PREFIX, SEVERITIES, Course

MUTED_BY = {"silence": "5" * 32}
Json = dict[str, Any]
MOST = 20  # shown of each


def messages(served: Hook) -> dict[str, Json]:
    """What a receiver that keeps ids has, by id."""
    kept: dict[str, Json] = {}
    for headers, body in list(served.requests):
        kept.setdefault(headers["webhook-id"], json.loads(body)["data"])
    return kept


def told_incidents(served: Hook) -> set[str]:
    """The ids of all incidents that the receiver was told of."""
    return {told["incident_id"] for message in messages(served).values() for told in message["incidents"]}


def is_told_closed(served: Hook, course: Course) -> bool:
    """Whether the receiver has the all clear of an incident."""
    return any(told["reason"] == "all_clear" for told in _of(served, course.incident_id))


def _of(served: Hook, incident_id: str) -> list[Json]:
    """How an incident was told, in the order of its messages."""
    ordered = sorted(messages(served).values(), key=lambda message: (message["group"], message["number"]))
    return [told for message in ordered for told in message["incidents"] if told["incident_id"] == incident_id]


def findings(reader: TopicReader, served: Hook, made: Sequence[Course], towns: Sequence[tuple[str, str]]) -> Json:
    """Counts, and lists that are empty after a good run."""
    entries = [record.decode(NotificationLogged) for record in reader.read(NOTIFICATIONS)]
    revisions = list(reader.read(INCIDENTS))
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for headers, body in served.requests:
        bodies[headers["webhook-id"]].add(body)
    kept = messages(served)
    return {
        "messages": len(kept),
        "requests": len(served.requests),
        "mutes": dict(Counter(entry.mute.kind for entry in entries if entry.mute)),
        "lost": sorted(_lost(served, made))[:MOST],
        "doubled_ids": sorted(identity for identity, same in bodies.items() if len(same) > 1)[:MOST],
        "told_twice": _told_twice(kept.values())[:MOST],
        "gaps": _gaps(kept.values())[:MOST],
        "unexplained": sorted(_unexplained(served, made, entries))[:MOST],
        "wrong_mutes": sorted(_wrong_mutes(made, entries))[:MOST],
        "pending": sorted(_pending(entries, kept))[:MOST],
        "towns": len(towns),
        "towns_wrong": _wrong_towns(revisions, towns, served)[:MOST],
        "revisions_wrong": _wrong_revisions(revisions)[:MOST],
    }


def _lost(served: Hook, made: Sequence[Course]) -> Iterable[str]:
    """Incidents whose end, worst severity or verdict of radar the receiver does not know."""
    told_of = defaultdict(list)
    for message in messages(served).values():
        for told in message["incidents"]:
            told_of[told["incident_id"]].append(told)
    for course in made:
        if course.kept_from is not None:
            continue
        told = told_of[course.incident_id]
        worst = max((SEVERITIES.index(each["worst_severity"]) for each in told), default=-1)
        if worst != SEVERITIES.index(course.closed.severity):
            yield f"{course.incident_id}: severity {course.closed.severity}"
        if course.closed.radar and not any(each.get("radar", {}).get("verdict") == "confirmed" for each in told):
            yield f"{course.incident_id}: verdict"
        if not any(each["reason"] == "all_clear" for each in told):
            yield f"{course.incident_id}: all clear"


def _told_twice(kept: Iterable[Json]) -> list[str]:
    """The same news of an incident under two ids."""
    news = Counter(
        f"{told['incident_id']}/{told['revision']} {told['reason']}"
        for message in kept
        for told in message["incidents"]
        if told["reason"] != "repeat"
    )
    return sorted(each for each, count in news.items() if count > 1)


def _gaps(kept: Iterable[Json]) -> list[str]:
    """Groups whose messages are not numbered from 1 without a gap."""
    numbers = defaultdict(list)
    for message in kept:
        numbers[f"{message['rule_id']} {message['group']}"].append(message["number"])
    return sorted(group for group, each in numbers.items() if sorted(each) != list(range(1, len(each) + 1)))


def _unexplained(served: Hook, made: Sequence[Course], entries: Sequence[NotificationLogged]) -> Iterable[str]:
    """Incidents that were kept back without an entry that says why, or told though they were to be kept back."""
    told = told_incidents(served)
    kinds = defaultdict(set)
    for entry in entries:
        if entry.mute is not None:
            kinds[entry.incident_id].add(entry.mute.kind)
    for course in made:
        if course.kept_from is None:
            continue
        if course.kept_from not in kinds[course.incident_id]:
            yield f"{course.incident_id}: no entry for {course.kept_from}"
        if course.incident_id in told:
            yield f"{course.incident_id}: told in spite of {course.kept_from}"


def _wrong_mutes(made: Sequence[Course], entries: Sequence[NotificationLogged]) -> Iterable[str]:
    """Entries of mutes that do not say by whom or why, or of incidents that nothing mutes."""
    kept_from = {course.incident_id: course.kept_from for course in made}
    for entry in entries:
        if entry.mute is None or entry.incident_id not in kept_from:
            continue
        mute, expected = entry.mute, kept_from[entry.incident_id]
        known = {"silence": MUTED_BY["silence"], "action": f"mute-{entry.incident_id}"}.get(mute.kind)
        if mute.kind != expected or (known and mute.by != known):
            yield f"{entry.incident_id}: {mute.kind} by {mute.by}"
        elif mute.kind != "inhibition" and not (mute.author and mute.reason):
            yield f"{entry.incident_id}: {mute.kind} without author and reason"


def _pending(entries: Sequence[NotificationLogged], kept: dict[str, Json]) -> Iterable[str]:
    """Messages on the log that have no end there, or that the receiver does not have."""
    begun = {entry.message_id for entry in entries if entry.outcome == "sending"}
    ended = {entry.message_id for entry in entries if entry.outcome == "sent"}
    yield from (f"{each} has no end" for each in begun - ended)
    yield from (f"{each} counts as sent and was not" for each in ended - kept.keys())
    yield from (f"{each} was sent and is not on the log" for each in kept.keys() - begun)


def towns_wrong(reader: TopicReader, served: Hook, towns: Sequence[tuple[str, str]]) -> list[str]:
    """What is wrong with the towns' incidents by the log of this moment; empty when all are found and told."""
    return _wrong_towns(list(reader.read(INCIDENTS)), towns, served)


def _wrong_towns(revisions: Sequence[Record], towns: Sequence[tuple[str, str]], served: Hook) -> list[str]:
    """Towns whose burst has not made exactly one incident, and incidents of theirs that were not told."""
    places = {}
    for incident in (record.decode(Incident) for record in revisions):
        if not incident.incident_id.startswith(PREFIX):
            places[incident.incident_id] = incident.place
    told = told_incidents(served)
    wrong = [f"{len(places)} incidents of {len(towns)} towns: {places}"] if len(places) != len(towns) else []
    return wrong + [f"{incident_id} is not told" for incident_id in places.keys() - told]


def _wrong_revisions(records: Sequence[Record]) -> list[str]:
    """Incidents of the detector with a revision that is missing, or that stands on the log with two contents."""
    contents: dict[str, dict[int, set[bytes]]] = defaultdict(lambda: defaultdict(set))
    for record in records:
        incident = record.decode(Incident)
        contents[incident.incident_id][incident.revision].add(record.value or b"")
    return [
        f"{incident_id}: {sorted(by_revision)}"
        for incident_id, by_revision in contents.items()
        if sorted(by_revision) != list(range(1, len(by_revision) + 1))
        or any(len(same) > 1 for same in by_revision.values())
    ]
