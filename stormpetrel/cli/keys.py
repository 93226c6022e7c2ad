"""`stormpetrel keys`: who may use the API. Whoever reaches the broker may make keys: it is the operators' own door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_result
from stormpetrel.cli.console import say

if TYPE_CHECKING:
    from stormpetrel.access.keys import KeyEvent, KeyRegister
    from stormpetrel.core.settings import Kafka

Scopes = Annotated[
    list[str], typer.Option("--scope", "-s", help="read, annotate, operate or ingest; several times for several.")
]


def add(
    name: str = typer.Argument(help="Who it is for; annotations made with it bear this name."),
    scopes: Scopes = ["read"],  # noqa: B006 - typer's way to say it
    as_json: AsJson = False,
) -> None:
    """Make an API key, and print it: it is shown this once."""
    from pydantic import ValidationError

    from stormpetrel.access.keys import new_key
    from stormpetrel.core.errors import SetupError
    from stormpetrel.core.events import SCOPES

    if unknown := set(scopes) - set(SCOPES):
        raise SetupError(f"no scope is called {', '.join(sorted(unknown))}; there are: {', '.join(SCOPES)}")
    try:
        key, event = new_key(name, [scope for scope in SCOPES if scope in scopes])
    except ValidationError as error:
        raise SetupError(f"{name!r} is no name: one line of up to 120 letters, digits and . _ @ : + | / -") from error
    _write(load_settings().kafka, event, "keys add")
    fields = {"key_id": event.key_id, "name": name, "scopes": list(event.scopes), "key": key}
    text = f"{key}\n\nThe key of {name} ({', '.join(event.scopes)}), shown this once. Its id is {event.key_id}."
    print_result(fields, text, as_json)


def list_keys(as_json: AsJson = False) -> None:
    """List the keys that open something: id, name, scopes, and when they were made."""
    rows = [
        {"key_id": key.key_id, "name": key.principal, "scopes": list(key.scopes), "added_at": key.added_at.isoformat()}
        for key in _register(load_settings().kafka).active()
    ]
    lines = [f"{row['key_id']}  {row['name']}: {', '.join(row['scopes'])} (since {row['added_at']})" for row in rows]
    print_result(rows, "\n".join(lines) or "there is no key; `stormpetrel keys add NAME` makes one", as_json)


def revoke(key_id: str = typer.Argument(help="As `keys list` shows it."), as_json: AsJson = False) -> None:
    """Revoke a key: every API process refuses it within a second, and the sessions that it opened."""
    from stormpetrel.core.clock import now
    from stormpetrel.core.events import ApiKeyRevoked

    kafka = load_settings().kafka
    key = _register(kafka).get(key_id)
    _write(kafka, ApiKeyRevoked(key_id=key_id, principal=key.principal, revoked_at=now()), "keys revoke")
    print_result({"key_id": key_id, "name": key.principal}, f"the key {key_id} of {key.principal} is revoked", as_json)


def _register(kafka: Kafka) -> KeyRegister:
    from stormpetrel.access.keys import KeyRegister
    from stormpetrel.core.errors import StormpetrelError
    from stormpetrel.core.topics import KEYS
    from stormpetrel.log.topic_reader import KafkaTopicReader

    register = KeyRegister()
    for record in KafkaTopicReader(kafka).read(KEYS):
        try:
            register.apply(record.decode(*KEYS.events))
        except StormpetrelError as error:
            # As every API process does: a record that cannot be read must not keep operators from revoking a key.
            say(f"a record of keys is passed over: {record.provenance}: {error}")
    return register


def _write(kafka: Kafka, event: KeyEvent, command: str) -> None:
    from stormpetrel.cli.audit import note
    from stormpetrel.core.topics import KEYS
    from stormpetrel.log.producer import KafkaProducer

    producer = KafkaProducer(kafka)
    producer.publish(KEYS, event.key_id, event)
    producer.flush()
    note(kafka, command, f"{event.key_id} {event.principal}")
