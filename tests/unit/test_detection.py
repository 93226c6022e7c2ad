"""The detector driven from the log: whoever starts again, and whenever, makes the same incidents once."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.core.errors import StoreUnavailable, Superseded
from stormpetrel.core.events import EnrichedPost, Incident, IncidentAction
from stormpetrel.core.topics import INCIDENT_ACTIONS, POSTS_ENRICHED, SIGNALS
from stormpetrel.detection import Detection, Opened
from stormpetrel.log import OutgoingRecord, read_dead_letters
from stormpetrel.log.memory import MemoryTopicReader
from tests.unit.detection_world import CONFIDENCE, Killed, World
from tests.unit.incident_streams import GENOVA, MANILA, PALERMO, T0, post


def stream(seed: int, count: int = 40) -> list[EnrichedPost]:
    chance = random.Random(seed)
    minute, posts = 0.0, []
    for number in range(count):
        minute += chance.choice([0.1, 1, 5, 30])
        place = chance.choice([GENOVA, GENOVA, PALERMO, MANILA])
        posts.append(post(number, minute, (place,), relevance=chance.choice([0.9, 0.9, 0.1])))
    return posts


def come(world: World, number: int, each: EnrichedPost) -> None:
    """A post, and now and then a signal of its place; Genoa's is withdrawn and comes back."""
    world.post(each)
    if number % 5 == 0:
        place = (GENOVA, PALERMO, MANILA)[number % 3]
        world.signal(number % 3, (place.longitude, place.latitude), withdrawn=number % 30 == 15)


def play(world: World, posts: list[EnrichedPost], process: Detection) -> Detection:
    for number, each in enumerate(posts):
        come(world, number, each)
        process.step(0)
    return end(world, process)


def end(world: World, process: Detection) -> Detection:
    """Time goes on, and nobody posts."""
    for pause in (timedelta(hours=1), timedelta(seconds=2)):
        world.moment += pause
        process.step(0)
    return process


def fields(told: list[Incident]) -> list[dict[str, object]]:
    return [each.model_dump(mode="json", exclude={"decided_at"}) for each in told]


def test_a_burst_opens_an_incident_that_stands_on_the_log(tmp_path: Path) -> None:
    world = World(tmp_path)
    play(world, [post(number, number) for number in range(6)], world.process())
    assert [each.change for each in world.told()][:2] == ["first", "opened"]
    assert world.told()[-1].decided_at >= T0


def test_a_post_that_fails_is_set_aside_and_the_others_are_told(tmp_path: Path) -> None:
    def english(text: str) -> str:
        if "number 2" in text:
            raise ValueError("no word list reads this")
        return text

    world, opened = World(tmp_path), Opened(CONFIDENCE, english)
    posts = [post(number, number) for number in range(7)]
    (incident,) = play(world, posts, world.process(opened=opened)).state.detector.incidents.values()
    assert len(incident.counted) == 6 and world.told()
    (letter,) = read_dead_letters(MemoryTopicReader(world.log), POSTS_ENRICHED)
    assert (letter.record.key, letter.stage) == (b"file:2", "detect") and "no word list reads this" in letter.reason
    before = world.told()
    end(world, world.process(opened=opened))
    assert world.told()[: len(before)] == before, "a restart meets the same post, and goes on"


def test_nobody_waits_for_a_silent_partition(tmp_path: Path) -> None:
    world = World(tmp_path)
    process = world.process()
    for number in range(6):
        world.post(post(number, number))
        process.step(0)
    world.moment += timedelta(seconds=2)
    process.step(0)
    assert process.state.watermark.value is not None
    assert process.state.watermark.value >= T0 + timedelta(minutes=5)


def test_event_time_waits_for_posts_that_are_not_enriched_yet(tmp_path: Path) -> None:
    world = World(tmp_path)
    process = world.process(waiting_upstream=3)
    play(world, [post(number, number) for number in range(6)], process)
    watermark = process.state.watermark.value
    assert watermark is None or watermark <= T0 + timedelta(minutes=5)


def test_an_incident_closes_while_nobody_posts(tmp_path: Path) -> None:
    world = World(tmp_path)
    process = play(world, [post(number, number) for number in range(6)], world.process())
    world.moment += timedelta(days=3)
    process.step(0)
    assert world.told()[-1].state == "closed"


def test_signals_are_read_and_what_is_none_is_dead(tmp_path: Path) -> None:
    world = World(tmp_path)
    process = world.process()
    for topic, key, value in ((SIGNALS, b"no", b"{"), (SIGNALS, b"neither", b'{"signal_id": "a"}')):
        world.log.append(OutgoingRecord(topic.name, key, value, {"schema": b"Signal"}))
    play(world, [post(number, number) for number in range(6)], process)
    process._producer.flush()
    letters = read_dead_letters(MemoryTopicReader(world.log), SIGNALS)
    assert sorted((each.record.key, each.stage) for each in letters) == [(b"neither", "detect"), (b"no", "detect")]
    assert world.told()[-1].signals
    before = len(world.told())
    assert [each.signals for each in world.process().state.detector.incidents.values()] == [world.told()[-1].signals]
    assert len(world.told()) == before


def test_a_false_alarm_closes_the_incident(tmp_path: Path) -> None:
    world = World(tmp_path)
    process = play(world, [post(number, number) for number in range(6)], world.process())
    incident_id = world.told()[0].incident_id
    action = IncidentAction(
        action_id="act-1", incident_id=incident_id, action="false_alarm", actor="anna", acted_at=world.moment
    )
    world.write(INCIDENT_ACTIONS, incident_id, action)
    process.step(0)
    assert (world.told()[-1].change, world.told()[-1].state) == ("action", "closed")


@given(seed=st.integers(0, 50), deaths=st.lists(st.integers(0, 12), max_size=6), keeps=st.booleans())
@settings(max_examples=40, deadline=None)
def test_killed_anywhere_the_detector_tells_the_same_once(
    tmp_path_factory: pytest.TempPathFactory, seed: int, deaths: list[int], keeps: bool
) -> None:
    """A kill before the step, between the step and its revisions, among them, or after them: the same ids, revisions
    and content."""
    posts, waiting = stream(seed), list(deaths)
    calm, rough = World(tmp_path_factory.mktemp("calm")), World(tmp_path_factory.mktemp("rough"))
    play(calm, posts, calm.process())

    def started() -> Detection:
        while True:
            try:
                return rough.process(waiting.pop() if waiting else None)
            except Killed:
                continue

    def step(process: Detection) -> Detection:
        try:
            process.step(0)
            return process
        except Killed:
            return step(started())

    process = started()
    for number, each in enumerate(posts):
        come(rough, number, each)
        process = step(process)
        if keeps and number % 7 == 0:
            process.keep()
    for pause in (timedelta(hours=1), timedelta(seconds=2)):
        rough.moment += pause
        process = step(process)
    assert fields(rough.told()) == fields(calm.told())


def test_without_its_snapshot_the_detector_goes_on_from_the_incidents(tmp_path: Path) -> None:
    world = World(tmp_path)
    play(world, [post(number, number) for number in range(6)], world.process())
    before = world.told()
    world.file.path.unlink()
    process = world.process()
    play(world, [post(number, 120 + number) for number in range(6, 14)], process)
    told = world.told()
    assert told[: len(before)] == before
    assert [each.revision for each in told] == list(range(1, len(told) + 1))
    assert process.state.detector.incidents[told[0].incident_id].posts == 14


def test_a_damaged_snapshot_is_no_snapshot(tmp_path: Path) -> None:
    world = World(tmp_path)
    play(world, [post(number, number) for number in range(6)], world.process()).keep()
    raw = world.file.read()
    assert raw is not None
    for damaged in (raw[:-1], b"", raw[:40] + b"x" + raw[41:]):
        world.file.write(damaged)
        assert world.process().state.detector.incidents.keys() == {world.told()[0].incident_id}


def test_of_two_detectors_one_gives_way(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.process()
    play(world, [post(number, number) for number in range(6)], first)
    second = world.process()
    world.post(post(6, 70))
    second.step(0)
    world.post(post(7, 71))
    with pytest.raises(Superseded):
        first.step(0)
    with pytest.raises(Superseded):  # the other one's step stands between
        second.step(0)
    second.begin()
    world.post(post(8, 72))
    second.step(0)
    world.moment += timedelta(minutes=1)
    second.step(0)
    told = world.told()
    assert len({(each.incident_id, each.revision) for each in told}) == len(told)
    assert second.state.detector.incidents[told[0].incident_id].posts == 9


def test_while_the_broker_is_down_nothing_is_lost(tmp_path: Path) -> None:
    world = World(tmp_path)
    process = world.process()
    for number in range(6):
        world.post(post(number, number))
    world.log.available = False
    with pytest.raises(StoreUnavailable):
        process.step(0)
    world.log.available = True
    process.begin()
    play(world, [], process)
    assert world.told()[-1].posts >= 4
