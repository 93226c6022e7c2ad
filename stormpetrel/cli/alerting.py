"""`stormpetrel alerting`: try a receiver, and see who was told what of an incident."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_result

if TYPE_CHECKING:
    from stormpetrel.alerting.explanation import Explanation, PastEntry


def test(receiver: str = typer.Argument(help="As the file of receivers names it."), as_json: AsJson = False) -> None:
    """Send a message that says that it is a test to one receiver, and say what became of it."""
    import getpass

    from stormpetrel.alerting.receiver_settings import read_receivers
    from stormpetrel.alerting.trial import trial_message
    from stormpetrel.core.errors import SetupError
    from stormpetrel.receivers import open_receiver

    settings = load_settings().alerting
    stated = read_receivers(settings.receivers)
    if receiver not in stated:
        raise SetupError(f"no receiver is called {receiver!r}; there are: {', '.join(sorted(stated))}")
    message = trial_message(receiver, stated[receiver].channel, getpass.getuser())
    note = open_receiver(stated[receiver], settings).deliver(message)
    text = f"{receiver} ({message.channel}) took {message.message_id}" + (f", but {note}" if note else "")
    print_result({"receiver": receiver, "message_id": message.message_id, "note": note}, text, as_json)


def explain(
    incident_id: str = typer.Argument(metavar="INCIDENT", help="As /v1/incidents lists it."), as_json: AsJson = False
) -> None:
    """Say who was told what of an incident, what was muted by whom, and why nothing more is told now."""
    from pydantic import TypeAdapter

    from stormpetrel.alerting.explanation import Explanation
    from stormpetrel.alerting.explanation import explain as explained
    from stormpetrel.alerting.receiver_settings import read_receivers
    from stormpetrel.alerting.world import World
    from stormpetrel.core.clock import now
    from stormpetrel.core.errors import StormpetrelError
    from stormpetrel.core.events import NotificationLogged
    from stormpetrel.core.topics import ALERTING_TOPICS
    from stormpetrel.log.topic_reader import KafkaTopicReader

    settings = load_settings()
    world, moment = World(read_receivers(settings.alerting.receivers)), now()
    entries: list[NotificationLogged] = []
    reader = KafkaTopicReader(settings.kafka)
    for topic in ALERTING_TOPICS:
        for record in reader.read(topic):
            try:
                event = record.decode(*topic.events)
            except StormpetrelError:
                continue  # the notify consumer has sent it to the dead letters
            world.apply(event, moment)
            if isinstance(event, NotificationLogged):
                entries.append(event)
    explanation = explained(world, entries, incident_id, moment)
    fields = TypeAdapter(Explanation).dump_python(explanation, mode="json", exclude_none=True)
    print_result(fields, _in_words(explanation), as_json)


def _in_words(explanation: Explanation) -> str:
    lines = [f"{explanation.incident_id}: {explanation.place}, {explanation.state}, revision {explanation.revision}"]
    lines += [_past_line(entry) for entry in explanation.past] or ["nobody was told of it"]
    lines += [f"now   {each.rule_id} -> {each.receiver or 'nobody'}: {each.why}" for each in explanation.standing]
    return "\n".join(lines)


def _past_line(entry: PastEntry) -> str:
    line = f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.receiver}: {entry.outcome} {entry.reason}, revision {entry.revision}"
    if entry.mute is not None:
        author = f" by {entry.mute.author}" if entry.mute.author else ""
        line += f", {entry.mute.kind} {entry.mute.by}{author}: {entry.mute.reason}"
    return line + (f" ({entry.problem})" if entry.problem else "")
