"""The demo's second part: a saved search hears which of the posts that come in match it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from stormpetrel.cli.console import say
from stormpetrel.cli.results import print_posts
from stormpetrel.demo.story import Story

LISTENS_WITHIN_S, QUIET_S, SHOWN = 20.0, 4.0, 5


class Listener(threading.Thread):
    """Listens to the server-sent events of a saved search, and keeps its matches in the order in which they come."""

    def __init__(self, client: httpx.Client, address: str) -> None:
        super().__init__(daemon=True, name="saved-search")
        self._client, self._address = client, address
        self.hears = threading.Event()
        self.matches: list[dict[str, Any]] = []

    def run(self) -> None:
        try:
            with self._client.stream("GET", self._address, timeout=None) as response:
                event = ""
                for line in response.iter_lines():
                    name, _, value = line.partition(":")
                    if name == "event":
                        event = value.strip()
                        self.hears.set()
                    elif name == "data" and event == "match":
                        self.matches.append(json.loads(value))
                    elif event == "deleted":
                        return
        except httpx.HTTPError as error:
            say(f"the saved search is heard no more: {error}")

    def wait_until_quiet(self) -> None:
        """Returns when no match has come for `QUIET_S`."""
        count, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_S:
            if count != len(self.matches):
                count, since = len(self.matches), time.monotonic()
            time.sleep(0.1)


def follow_saved_search(client: httpx.Client, story: Story, more_posts: Callable[[], None]) -> None:
    """Saves the story's search, lets the newest posts come in, prints the matches, and deletes the search again."""
    saved = client.post("/v1/saved-searches", json=dict(story.saved)).raise_for_status().json()
    with httpx.Client(base_url=client.base_url, headers=client.headers) as stream:
        listener = Listener(stream, saved["events"])
        listener.start()
        listener.hears.wait(LISTENS_WITHIN_S)
        more_posts()
        listener.wait_until_quiet()
        client.delete(f"/v1/saved-searches/{saved['saved_search_id']}").raise_for_status()
        listener.join(LISTENS_WITHIN_S)
    matches = listener.matches
    if matches:
        shown = [match["post"] for match in matches[:SHOWN]]
        print_posts(f"a saved search, {story.saved['text']!r}: the first {len(shown)} of {len(matches)} matches", shown)
    else:
        say(f"a saved search, {story.saved['text']!r}: no new post matches")
    judged = [story.judges[match["post_id"]] for match in matches if match["post_id"] in story.judges]
    if judged and story.is_judged_by_search:
        say(f"of {len(judged)} {story.figures_of} among the matches {sum(judged)} {story.meaning}\n")
