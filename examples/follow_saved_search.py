"""Saves a search and prints each new post that matches it, until Ctrl-C or --count matches.

    python examples/follow_saved_search.py 'the dam overflows' --count 3

Server-sent events come at least once: after a lost connection, the script asks again from the last id that it has.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

RECONNECT_S = 1.0


@dataclass(frozen=True)
class Message:
    """One server-sent event. `id` is that of the last match that was sent."""

    id: str
    event: str
    data: dict[str, Any]


def messages(lines: Iterator[str]) -> Iterator[Message]:
    """The events of a stream's lines; comments (the server's pings) are left out."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields:
            yield Message(fields.get("id", ""), fields.get("event", "message"), json.loads(fields.get("data", "{}")))
            fields = {}


def follow(client: httpx.Client, address: str, since: str | None) -> Iterator[Message]:
    """Messages of a saved search until the server ends it; reconnects where the connection breaks."""
    while True:
        headers = {"Last-Event-ID": since} if since else {}
        try:
            with client.stream("GET", address, headers=headers) as response:
                response.raise_for_status()
                for message in messages(response.iter_lines()):
                    since = message.id or since
                    yield message
                    if message.event == "deleted":
                        return
        except httpx.TransportError as error:
            print(f"connection lost ({error}); connecting again", flush=True)
        time.sleep(RECONNECT_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("text", nargs="?", default="flooded street")
    parser.add_argument("--min-relevance", type=float, help="the lowest probability that a match answers the text")
    parser.add_argument("--count", type=int, help="stop after this many matches")
    parser.add_argument("--since", help="the id of a match to go on after; 0: all matches that are kept")
    parser.add_argument("--api", default="http://127.0.0.1:8000")
    arguments = parser.parse_args()
    key = os.environ.get("STORMPETREL_API_KEY")  # where the API asks for one: stormpetrel keys add
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=arguments.api, headers=headers, timeout=60) as client:
        request = {"text": arguments.text, "min_relevance": arguments.min_relevance}
        saved_search = client.post("/v1/saved-searches", json=request).raise_for_status().json()
        address = f"/v1/saved-searches/{saved_search['saved_search_id']}"
        matches = 0
        try:
            for message in follow(client, f"{address}/events", arguments.since):
                if message.event != "match":
                    print(message.event, flush=True)
                    continue
                match = message.data
                print(f"{match['relevance'] or 'unknown'}  {match['post_id']}  {match['post']['text']}", flush=True)
                matches += 1
                if matches == arguments.count:
                    break
        except KeyboardInterrupt:
            pass
        finally:
            client.delete(address)


if __name__ == "__main__":
    main()
