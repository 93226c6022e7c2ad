"""Mastodon's timelines and streams: without a token and with one, over breaks, stalls, kills and refusals."""

from __future__ import annotations

import threading
import time

from pydantic import SecretStr

from consumers.sources.mastodon import MastodonSource
from stormpetrel.core.events import PostDeleted
from stormpetrel.core.source_settings import Mastodon
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log.memory import MemoryLog
from tests.source_servers.mastodon import MastodonServer, running, status
from tests.unit.live_runs import published, run_until

TOKEN = "a-token-of-the-test"


def source(server: MastodonServer, token: str | None = None) -> MastodonSource:
    tokens = {server.url.removeprefix("http://"): SecretStr(token)} if token else {}
    chosen = Mastodon(hashtags=("flood", "storm"), tokens=tokens, every_s=0.05, silence_s=0.6)
    return MastodonSource(server.url, chosen)


def ids(server: MastodonServer, count: int) -> dict[str, int]:
    host = server.url.removeprefix("http://")
    return {f"mastodon:{host}/{10_000 + number}": 1 for number in range(count)}


def adding(log: MemoryLog, server: MastodonServer, count: int, wait_s: float) -> threading.Thread:
    """Adds statuses in the background, once the source has begun."""

    def work() -> None:
        while not published(log):
            time.sleep(0.01)
        for number in range(len(server.statuses), count):
            server.statuses.append(status(number))
            time.sleep(wait_s)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_without_a_token_timelines_are_read_again_and_again_and_kills_lose_nothing() -> None:
    log = MemoryLog()
    with running(MastodonServer()) as server:
        server.statuses, server.refusals = [status(number) for number in range(30)], [429, 503]
        adder = adding(log, server, 500, 0.001)
        run_until(log, lambda: source(server), lambda: len(published(log)) == 500, kills=3, between_kills=200)
        adder.join()
        assert published(log) == ids(server, 500)
        assert not any("streaming" in path for path in server.asked)


def test_with_a_token_streams_break_stall_and_repeat_and_nothing_is_lost_or_doubled() -> None:
    log = MemoryLog()
    with running(MastodonServer()) as server:
        server.token, server.breaks_every, server.stalls = TOKEN, 40, 1
        server.statuses = [status(0)]
        adder = adding(log, server, 300, 0.002)
        run_until(log, lambda: source(server, TOKEN), lambda: len(published(log)) == 300, kills=2, between_kills=150)
        adder.join()
        assert published(log) == ids(server, 300)


def test_deletions_are_of_the_server_that_says_them() -> None:
    log = MemoryLog()
    with running(MastodonServer()) as server:
        server.token, server.statuses = TOKEN, [status(0)]

        def deleted() -> bool:
            if published(log) and not server.deleted:
                time.sleep(0.2)  # the streams are open by now
                server.deleted.append("10000")
            return len(log.records(POSTS_RAW.name)) == 2

        run_until(log, lambda: source(server, TOKEN), deleted)
        event = log.records(POSTS_RAW.name)[-1].decode(PostDeleted)
        assert [event.post_id] == list(ids(server, 1))


def test_a_wrong_token_says_what_to_set() -> None:
    log = MemoryLog()
    with running(MastodonServer()) as server:
        server.token = TOKEN
        states: list[str] = []

        opened = source(server, "wrong")
        opened.connect(None)
        deadline = time.monotonic() + 5
        while not states and time.monotonic() < deadline:
            try:
                opened.read(0.1)
            except Exception as error:
                states.append(f"{type(error).__name__}: {error}")
        opened.close()
    assert states[0].startswith("Refused")
    assert "sources.mastodon.tokens" in states[0]
    assert not log.records(POSTS_RAW.name)
