"""Laws of telling: a message only on a difference, everything told or muted, and no kill loses or doubles an id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.alerting.differences import difference
from stormpetrel.alerting.notification_log import NotificationLog, folded
from stormpetrel.alerting.planning import plan
from stormpetrel.core.events import AlertMessage, Event, Incident, NotificationLogged
from stormpetrel.core.events.incidents import severity_rank
from tests.unit.alerting_world import Inbox, Telling, action, incident, rule, silence, verdict

NAMES = ("genoa", "savona", "imperia")
RULES = (
    rule(group_wait_s=5, group_interval_s=60, repeat_interval_s=600),
    rule("second", receivers=["night"], group_by="incident", most_per_hour=3, group_wait_s=0),
)
CHANGES = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["suspected", "opened", "growing", "easing", "closed"]),
        "severity": st.sampled_from(["minor", "moderate", "severe", "extreme"]),
        "radar": st.sampled_from([None, verdict(), verdict("refuted")]),
        "confidence": st.sampled_from([0.3, 0.9]),
        "admin1_code": st.sampled_from(["08", "09"]),
    }
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.sampled_from(NAMES), CHANGES),
        st.tuples(st.just("wait"), st.sampled_from([0, 1, 7, 70, 700, 4000])),
        st.tuples(st.just("action"), st.sampled_from(NAMES), st.sampled_from(["acknowledged", "muted", "unmuted"])),
        st.tuples(st.just("silence"), st.sampled_from(NAMES), st.sampled_from([30, 3000])),
        st.tuples(st.just("refuse"), st.booleans()),
    ),
    min_size=1,
    max_size=25,
)
KILLS = st.lists(st.integers(1, 12), max_size=8)


class Killed(BaseException):
    """The process is gone, whatever it was about to do."""


class DeadlyInbox(Inbox):
    """Takes a message, and may kill the process before or after."""

    def __init__(self, effect: Any) -> None:
        super().__init__()
        self._effect = effect

    def deliver(self, message: AlertMessage) -> str:
        self._effect()
        answer = super().deliver(message)
        self._effect()
        return answer


class KilledTelling:
    """A notifier that is killed at chosen effects and started again on its log, with all that is on the topics."""

    def __init__(self, kills: Sequence[int]) -> None:
        self._kills = list(kills)
        self._countdown = self._kills.pop(0) if self._kills else None
        self.inboxes = {name: DeadlyInbox(self._effect) for name in ("duty", "night")}
        self.topics: dict[str, Event] = {}  # compacted: the newest of each key
        self.actions: list[Event] = []
        self.entries: list[NotificationLogged] = []
        self.restarts = 0
        self.telling = self._started(None)

    def _effect(self) -> None:
        if self._countdown is None:
            return
        self._countdown -= 1
        if self._countdown <= 0:
            self._countdown = self._kills.pop(0) if self._kills else None
            raise Killed

    def _started(self, before: Telling | None) -> Telling:
        telling = Telling("duty", "night")
        telling.inboxes.update(self.inboxes)
        if before is not None:
            telling.now = before.now
        for event in [*self.topics.values(), *self.actions, *self.entries]:
            telling.notifier.apply(event)

        def write(entries: Sequence[NotificationLogged]) -> None:
            for entry in entries:
                self._effect()
                self.entries.append(entry)
                self._effect()
                telling.notifier.apply(entry)

        telling.notifier._write = write  # type: ignore[method-assign]
        return telling

    def apply(self, key: str | None, *events: Event) -> None:
        for event in events:
            if key is None:
                self.actions.append(event)
            else:
                self.topics[key] = event
            self.telling.notifier.apply(event)

    def step(self, seconds: float = 0) -> None:
        self.telling.now += timedelta(seconds=seconds)
        for _ in range(2):
            try:
                self.telling.notifier.step()
            except Killed:
                self.restarts += 1
                self.telling = self._started(self.telling)

    def run(self, steps: Sequence[Any]) -> dict[str, Incident]:
        revisions: dict[str, int] = defaultdict(int)
        standing: dict[str, Incident] = {}
        for each in RULES:
            self.apply(each.rule_id, each)
        for number, (kind, *arguments) in enumerate(steps):
            if kind == "change":
                name, fields = arguments
                revisions[name] += 1
                standing[name] = incident(name, revisions[name], self.telling.now, **fields)
                self.apply(name, standing[name])
            elif kind == "action":
                name, what = arguments
                self.apply(None, action(what, name, action_id=f"{what}-{number}"))
            elif kind == "silence":
                name, seconds = arguments
                ends_at = self.telling.now + timedelta(seconds=seconds)
                self.apply(f"silence{number}", silence(ends_at, number + 1, incident_ids=[name]))
            elif kind == "refuse":
                self.inboxes["duty"].problem = "down" if arguments[0] else None
            self.step(arguments[0] if kind == "wait" else 0)
        return standing

    def settle(self) -> None:
        """Everything that holds messages back ends, and enough time passes for all that is due."""
        self._countdown, self._kills = None, []
        self.inboxes["duty"].problem = None
        for name in NAMES:
            self.apply(None, action("unmuted", name, action_id=f"unmuted-last-{name}"))
        for _ in range(12):
            self.step(1300)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, kills=KILLS)
def test_no_kill_loses_a_message_or_makes_two_ids_of_one(steps: Sequence[Any], kills: Sequence[int]) -> None:
    run = KilledTelling(kills)
    standing = run.run(steps)
    run.settle()
    world = run.telling.world
    for name, inbox in run.inboxes.items():
        kept = {message.message_id: message for message in inbox.messages}  # as a receiver that keeps ids sees them
        assert all(kept[message.message_id] == message for message in inbox.messages)
        numbers = defaultdict(list)
        for message in kept.values():
            numbers[message.group].append(message.number)
        assert all(each == list(range(1, len(each) + 1)) for each in numbers.values()), name
        knowledge = folded(entry for entry in run.entries if entry.receiver == name)
        assert not knowledge.pending()
        for state in knowledge.states.values():
            for incident_id, told in state.told.items():
                news = difference(standing[incident_id], told, world.attention(incident_id), False)
                assert news is None, (name, news)
    for incident_id, last in standing.items():
        if last.state != "closed" and _is_free(run, last):
            assert all(_knows(world.log, name, incident_id) for name in ("duty", "night"))


def _is_free(run: KilledTelling, last: Incident) -> bool:
    return not any(run.telling.world.inhibition.inhibitors_of(last))


def _knows(log: NotificationLog, receiver: str, incident_id: str) -> bool:
    return any(incident_id in state.told for state in log.states.values() if state.receiver == receiver)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_every_message_tells_a_difference_and_what_is_not_told_is_muted_or_waits(steps: Sequence[Any]) -> None:
    run = KilledTelling([])
    run.run(steps)
    log = NotificationLog()
    for entry in run.entries:
        state = log.state(entry.group, entry.receiver, entry.rule_id)
        for told in entry.message.incidents if entry.message else ():
            before = state.told.get(told.incident_id)
            assert _is_new(told, before), (told.reason, before)
        log.apply(entry)
    # What is planned twice at one moment is planned once.
    world, now = run.telling.world, run.telling.now
    entries = plan(world, now)
    for entry in entries:
        world.apply(entry, now)
    assert plan(world, now) == []


def _is_new(told: Any, before: Any) -> bool:
    match told.reason:
        case "first" | "new_in_group":
            return before is None
        case "all_clear" | "repeat":
            return before is not None
        case "worse":
            return severity_rank(told.severity) > severity_rank(before.worst_severity) or (
                told.worst_state != before.worst_state
            )
    return bool(told.radar != before.radar)


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_the_same_events_give_the_same_ids(steps: Sequence[Any]) -> None:
    first, second = KilledTelling([]), KilledTelling([])
    first.run(steps)
    second.run(steps)
    assert [entry.message_id for entry in first.entries] == [entry.message_id for entry in second.entries]
