"""X by tweepy: rules in step, the stream with expansions, back-fill, waits, and deletions of the compliance stream."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from consumers.sources.live_source import Refused
from consumers.sources.x import XSource
from consumers.sources.x_compliance import XComplianceSource
from consumers.sources.x_connection import XWaits, until_reset_s
from consumers.sources.x_rules import AccountRules, Rule, changes_between
from consumers.sources.x_time import first_id_at, moment_of
from stormpetrel.cli import build_app
from stormpetrel.core.errors import SetupError
from stormpetrel.core.events import Post, PostDeleted, SourceGap
from stormpetrel.core.source_settings import X
from stormpetrel.core.topics import POSTS_RAW, SOURCE_GAPS
from stormpetrel.log.memory import MemoryLog
from tests.source_servers.x import TOKEN, XServer, asked_for, running
from tests.unit.live_runs import NAMES, published, run_until

STREAM, SEARCH = "/2/tweets/search/stream", "/2/tweets/search/recent"


def settings(server: XServer, token: str = TOKEN, **more: object) -> X:
    return X(bearer_token=SecretStr(token), api_url=server.url, **{"silence_s": 2.0, **more})  # type: ignore[arg-type]


def source(server: XServer, **more: object) -> XSource:
    return XSource(settings(server, **more), XWaits(unit_s=0.001))


def ids(server: XServer, count: int) -> dict[str, int]:
    return {server.post_id(number): 1 for number in range(count)}


def adding(log: MemoryLog, server: XServer, count: int) -> threading.Thread:
    """Streams the first post until it has come, and then the others one by one."""

    def work() -> None:
        while not server.open_streams:
            time.sleep(0.01)
        server.add(0)
        while not published(log):
            time.sleep(0.01)
        for number in range(1, count):
            server.add(number)
            time.sleep(0.002)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("backfill", ["search", "stream"])
def test_nothing_is_lost_or_doubled_over_every_kind_of_break_and_kills(backfill: str) -> None:
    log, server = MemoryLog(), XServer(rules=[{"id": "1", "value": "flood", "tag": "floods"}])
    server.scenes = ["close", "half", "last word", "stall", "close"]
    server.refusals = [429, 503]
    with running(server):
        adder = adding(log, server, 300)
        run_until(
            log,
            lambda: source(server, backfill=backfill),
            lambda: len(published(log)) == 300 and not adder.is_alive(),
            kills=2,
            between_kills=150,
        )
        adder.join()
    assert published(log) == ids(server, 300)
    assert bool(asked_for(server, SEARCH)) == (backfill == "search")
    assert any("backfill_minutes" in query for query in asked_for(server, STREAM)) == (backfill == "stream")
    assert not log.records(SOURCE_GAPS.name)


def test_authors_photos_and_places_come_along() -> None:
    log, server = MemoryLog(), XServer()
    with running(server):
        adder = adding(log, server, 1)
        run_until(log, lambda: source(server), lambda: len(published(log)) == 1)
        adder.join()
    event = log.records(POSTS_RAW.name)[0].decode(Post)
    assert (event.author_id, event.author_place, event.rule_tags) == (NAMES.author("x:0"), "Genova", ("floods",))
    assert event.native_place is not None and event.native_place.name == "Genova"
    assert event.media[0].url == "https://pbs.example.invalid/1.jpg"
    (query,) = asked_for(server, STREAM)
    assert query["expansions"] == ["author_id,geo.place_id,attachments.media_keys,referenced_tweets.id"]


def test_a_break_that_nothing_fills_is_said() -> None:
    log, server = MemoryLog(), XServer(scenes=["close"], lines=1)
    with running(server):
        adder = adding(log, server, 50)
        run_until(log, lambda: source(server, backfill="none"), lambda: bool(log.records(SOURCE_GAPS.name)))
        adder.join()
    gap = log.records(SOURCE_GAPS.name)[0].decode(SourceGap)
    assert gap.since is not None and "x.backfill is none" in gap.reason


def test_a_break_of_more_than_a_week_is_filled_as_far_as_search_reaches_and_the_rest_is_said() -> None:
    server = XServer(rules=[{"id": "1", "value": "flood", "tag": "floods"}])
    long_ago = datetime.now(UTC) - timedelta(days=30)
    server.add(0)
    with running(server):
        opened = source(server)
        opened.connect(str(first_id_at(long_ago)))
        texts = [json.loads(message.raw)["data"]["text"] for message in opened.read(0.1)]
        gap = opened.gap()
        opened.close()
    assert texts == ["The flood has reached street 0"]
    assert gap is not None and gap.since is not None and abs(gap.since - long_ago) < timedelta(minutes=1)


def test_the_search_waits_for_its_limit_while_the_stream_goes_on() -> None:
    log, server = MemoryLog(), XServer(rules=[{"id": "1", "value": "flood", "tag": "floods"}], scenes=["close"])
    server.search_refusals, server.reset_in_s = [429], 2
    with running(server):
        adder = adding(log, server, 100)
        run_until(log, lambda: source(server), lambda: len(published(log)) == 100 and not adder.is_alive())
        adder.join()
    assert published(log) == ids(server, 100)
    assert len(asked_for(server, STREAM)) == 2


def test_the_accounts_rules_become_those_of_the_settings() -> None:
    fires = {"id": "2", "value": "fire", "tag": "fires"}
    server = XServer(rules=[{"id": "1", "value": "storm", "tag": "floods"}, fires])
    wanted = {"floods": "flood OR alluvione", "fires": "fire"}
    with running(server):
        account = AccountRules(settings(server, rules=wanted), TOKEN)
        planned = account.changes()
        assert not server.changes
        assert [rule.value for rule in planned.add] == ["flood OR alluvione"]
        assert [rule.value for rule in planned.delete] == ["storm"]
        account.apply()
        assert {rule["tag"]: rule["value"] for rule in server.rules} == wanted
        assert not account.apply().add
        assert len(server.changes) == 2


def test_a_dry_run_of_the_command_prints_what_would_change_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    server = XServer(rules=[{"id": "1", "value": "storm", "tag": "storms"}])
    monkeypatch.setenv("STORMPETREL_X__BEARER_TOKEN", TOKEN)
    with running(server):
        monkeypatch.setenv("STORMPETREL_X__API_URL", server.url)
        without_rules = CliRunner().invoke(build_app(), ["sources", "rules"])
        assert "x.rules is empty" in str(without_rules.exception or without_rules.output)
        monkeypatch.setenv("STORMPETREL_X__RULES", '{"floods": "flood"}')
        shown = CliRunner().invoke(build_app(), ["sources", "rules", "--dry-run", "--json"])
    assert json.loads(shown.stdout) == {
        "adds": [{"tag": "floods", "value": "flood"}],
        "deletes": [{"tag": "storms", "value": "storm"}],
        "keeps": [],
    }
    assert not server.changes


def test_without_rules_in_the_settings_the_accounts_stay() -> None:
    standing = [Rule("floods", "flood", "1")]
    assert changes_between({}, standing).keep == standing
    assert not changes_between({}, standing).delete


def test_a_rule_that_x_does_not_take_changes_nothing_and_is_named() -> None:
    server = XServer(rules=[{"id": "1", "value": "storm", "tag": "storms"}])
    with running(server), pytest.raises(Refused, match=r"no viable alternative|Invalid"):
        AccountRules(settings(server, rules={"floods": "(flood"}), TOKEN).apply()
    assert [rule["value"] for rule in server.rules] == ["storm"]


def test_a_wrong_token_and_a_tier_without_a_stream_say_what_to_do() -> None:
    with running(XServer()) as server:
        with pytest.raises(Refused, match="STORMPETREL_X__BEARER_TOKEN"):
            source(server, token="wrong").connect(None)
        server.refusals = [403]
        with pytest.raises(Refused, match="tier"):
            source(server).connect(None)
    with pytest.raises(SetupError, match="STORMPETREL_X__BEARER_TOKEN"):
        XSource(X())


def test_a_connection_that_is_left_is_closed_at_once() -> None:
    with running(XServer()) as server:
        opened = source(server)
        opened.connect(None)
        assert server.open_streams == 1
        opened.close()
        deadline = time.monotonic() + 5
        while server.open_streams and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.open_streams == 0


def test_waits_are_those_of_xs_documentation() -> None:
    waits = XWaits()
    assert [waits.after_network_error() for _ in range(4)] == [0.0, 0.25, 0.5, 0.75]
    assert [waits.after_status(503, {}, 0) for _ in range(8)] == [5, 10, 20, 40, 80, 160, 320, 320]
    assert [waits.after_status(429, {}, 0) for _ in range(3)] == [60, 120, 240]
    waits.connected()
    assert waits.after_status(429, {"x-rate-limit-reset": "1090"}, 1000) == 90
    assert until_reset_s({"x-rate-limit-reset": "soon"}, 1000) == 0


def test_ids_hold_the_time_to_the_millisecond() -> None:
    moment = datetime(2026, 9, 21, 14, 13, 20, 123_000, tzinfo=UTC)
    assert moment_of(first_id_at(moment)) == moment


def test_deletions_and_edits_of_the_compliance_stream_become_deletions() -> None:
    at = {"event_at": "2022-12-23T12:34:56.789Z"}
    edit = {"tweet": {"id": "19"}, "initial_tweet_id": "18", "edit_tweet_ids": ["18", "19"], **at}
    deletions = [
        {"data": {"delete": {"tweet": {"id": "17", "author_id": "3"}, **at}}},
        {"data": {"tweet_edit": edit}},
        {"data": {"withheld": {"tweet": {"id": "20", "author_id": "3"}, "withheld_in_countries": ["de"], **at}}},
        {"data": {"drop": {"tweet": {"id": "21", "author_id": "3"}, **at}}},
    ]
    log, server = MemoryLog(), XServer()

    def deleted() -> bool:
        if server.open_streams and not server.deletions:
            server.deletions.extend(deletions)
        return len(log.records(POSTS_RAW.name)) == 3

    with running(server):
        run_until(log, lambda: XComplianceSource(settings(server), 2, XWaits(0.001)), deleted)
        assert asked_for(server, "/2/tweets/compliance/stream")[0]["partition"] == ["2"]
    events = [record.decode(PostDeleted) for record in log.records(POSTS_RAW.name)]
    assert {event.post_id for event in events} == {"x:17", "x:18", "x:21"}
    assert not log.records(POSTS_RAW.dead().name)
