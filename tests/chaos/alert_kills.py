"""Kills of worker, detector and notifier while incidents change: nothing may be lost, told under two ids, or muted
without a reason.

    python -m tests.chaos.alert_kills --seed 7 --changes 10000 --kills 100

prints the seed, each kill and, as JSON on standard output, what came out. The same seed draws the same changes and the
same kills.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stormpetrel.core.clock import now
from stormpetrel.core.events import AlertRule, Event, Incident, Matchers, Route
from stormpetrel.core.topics import INCIDENT_ACTIONS, INCIDENTS, POSTS_RAW, RULES, SILENCES, Topic
from stormpetrel.log import record_of_event
from tests.alert_servers import Hook, hook
from tests.chaos.alert_findings import findings, is_told_closed, told_incidents, towns_wrong
from tests.chaos.incident_load import TOWNS, Course, burst, courses, interleaved, mutes_of, silence_of
from tests.chaos.load import deliver_until_acknowledged
from tests.integration.running import BrokerAlone, RunningSystem, wait_until

CACHE = Path(os.environ.get("STORMPETREL_CACHE", Path(__file__).resolve().parents[2] / ".stormpetrel" / "cache"))
OURS = {"worker": ("worker",), "detect": ("consume", "detect"), "notify": ("consume", "notify")}
SECRET = f"whsec_{base64.b64encode(b'a secret of thirty-two bytes. ok').decode()}"
REVISIONS = 25  # of an incident, before its close
TICK_S = 0.5


@dataclass(frozen=True)
class Plan:
    """What a run does. Changes are spread over the time that the kills take; `within_s` is how long the rest may take
    when the last process was killed."""

    seed: int
    changes: int
    kills: int
    towns: int
    only: tuple[str, ...] = tuple(OURS)
    longest_wait_s: float = 2.0
    within_s: float = 400.0


@dataclass
class Sender:
    """Sends what changes, a share of it for each kill. `sent` is what the log holds."""

    system: RunningSystem
    waiting: Iterator[tuple[Topic, str, Event]]
    sent: list[Event] = field(default_factory=list)

    def send(self, most: int) -> int:
        """How many were left to send."""
        producer = self.system.producer()
        due = list(itertools.islice(self.waiting, most))
        deliver_until_acknowledged(producer, [record_of_event(topic, key, event) for topic, key, event in due])
        self.sent += [event for *_, event in due]
        return len(due)


def run(plan: Plan, cache: Path = CACHE) -> dict[str, Any]:
    """The report of a run. Raises AssertionError where something does not come to its end."""
    say(f"kills: seed {plan.seed}, {plan.changes} changes, {plan.kills} kills of {', '.join(plan.only)}")
    with (
        tempfile.TemporaryDirectory(prefix="stormpetrel-kills-") as folder,
        BrokerAlone(Path(folder), cache) as system,
        hook() as served,
        _running(system, plan, served),
    ):
        return _run(plan, system, served)


@contextmanager
def _running(system: RunningSystem, plan: Plan, served: Hook) -> Iterator[None]:
    """The processes that are killed, with one webhook to tell."""
    file = system.directory / "alerting.yaml"
    url = f"http://127.0.0.1:{served.port}/in"
    file.write_text(
        yaml.safe_dump({"receivers": [{"name": "duty", "channel": "webhook", "url": url, "secret": SECRET}]})
    )
    os.environ["STORMPETREL_ALERTING__RECEIVERS"] = str(file)
    os.environ["STORMPETREL_ALERTING__PRIVATE_HOSTS"] = f'["127.0.0.1:{served.port}"]'
    try:
        for name in plan.only:
            system.start(name, *OURS[name], wait=False)
        yield
    except AssertionError:
        for name in plan.only:
            say(f"the end of {name}'s log:\n{system.log(name)[-3000:]}")
        raise
    finally:
        for name in list(system.ours):
            system.kill(name)
        del os.environ["STORMPETREL_ALERTING__RECEIVERS"], os.environ["STORMPETREL_ALERTING__PRIVATE_HOSTS"]


def _run(plan: Plan, system: RunningSystem, served: Hook) -> dict[str, Any]:
    generator, kills = random.Random(plan.seed), random.Random(plan.seed + 1)
    made = courses(generator, max(10, plan.changes // (REVISIONS + 1)), REVISIONS)
    towns = generator.sample(TOWNS, plan.towns)
    killed = _Killer(system, plan, kills)
    started = time.monotonic()
    producer = system.producer()
    first: list[tuple[Topic, str, Event]] = [
        (RULES, "everywhere", everywhere()),
        (SILENCES, "5" * 32, silence_of(made)),
    ]
    first += [(INCIDENT_ACTIONS, action.incident_id, action) for action in mutes_of(made)]
    deliver_until_acknowledged(producer, [record_of_event(*each) for each in first])
    system.wait_for(*plan.only, seconds=plan.within_s)  # so that nothing is told before it is silenced

    changes = Sender(system, ((INCIDENTS, each.incident_id, each) for each in interleaved(generator, made)))
    bursts = Sender(system, ((POSTS_RAW, post.post_id, post) for town in towns for post in burst(town)))
    rounds = max(1, plan.kills // 3)  # at the least, each with a share of what is sent
    while changes.send(-(-len(made) * REVISIONS // rounds)) + bursts.send(-(-10 * plan.towns // rounds)):
        killed.strike()
    told = [course for course in made if course.kept_from is None]
    wait_until(lambda: {each.incident_id for each in told} <= told_incidents(served), plan.within_s, "all are told")
    for closing in closings(made, max(1, (plan.kills - killed.count) // 2)):
        sender = Sender(system, iter([(INCIDENTS, each.incident_id, each) for each in closing]))
        sender.send(len(closing))
        killed.strike()
    while killed.count < plan.kills:
        killed.strike()
    wait_until(lambda: all(is_told_closed(served, each) for each in told), plan.within_s, "all clear of all")
    towns = towns if "detect" in plan.only else []
    _wait_for_towns(system, served, towns, plan.within_s)
    wait_until(lambda: _is_quiet(system, served), plan.within_s, "nothing more is told")
    return {
        "seed": plan.seed,
        "changes": sum(len(course.revisions) + 1 for course in made),
        "incidents": len(made),
        "posts": len(bursts.sent),
        "kills": dict(killed.by_name),
        "seconds": round(time.monotonic() - started, 1),
        **findings(system.reader, served, made, towns),
    }


def everywhere() -> AlertRule:
    """The rule that tells of all incidents at once."""
    route = Route(
        matchers=Matchers(everywhere=True),
        receivers=("duty",),
        group_wait_s=0,
        group_interval_s=1,
        repeat_interval_s=86_400,
    )
    return AlertRule(rule_id="everywhere", title="Kills", route=route, author="chaos", changed_at=now())


def closings(made: Sequence[Course], parts: int) -> Iterator[list[Incident]]:
    """The closes, in parts. What is inhibited closes before what inhibits it: else it would be told for a moment."""
    yield [each.closed for each in made if each.kept_from == "inhibition"]
    closed = [each.closed for each in made if each.kept_from != "inhibition"]
    size = -(-len(closed) // parts)
    for start in range(0, len(closed), size):
        yield closed[start : start + size]


def _wait_for_towns(system: RunningSystem, served: Hook, towns: list[tuple[str, str]], within_s: float) -> None:
    """Waits until the bursts are incidents that were told. A process that was killed last may still have to start; what
    is not found in time is a finding, and no end of the run.
    """
    deadline = time.monotonic() + within_s
    while towns and towns_wrong(system.reader, served, towns) and time.monotonic() < deadline:
        time.sleep(1)


def _is_quiet(system: RunningSystem, served: Hook) -> bool:
    """Whether nothing was told for some seconds."""
    count = len(served.requests)
    time.sleep(5)
    return len(served.requests) == count


class _Killer:
    """Kills one to three processes at once, as soon as they work, after a wait that is drawn, and starts them again."""

    def __init__(self, system: RunningSystem, plan: Plan, generator: random.Random) -> None:
        self._system, self._plan, self._random = system, plan, generator
        self.by_name: Counter[str] = Counter()

    @property
    def count(self) -> int:
        return sum(self.by_name.values())

    def strike(self) -> None:
        """Kills those whose turn it is, unless there were enough kills."""
        left = self._plan.kills - self.count
        if left <= 0:
            time.sleep(TICK_S)
            return
        most = min(left, len(self._plan.only))
        names = self._random.sample(self._plan.only, self._random.randint(1, most))
        self._system.wait_for(*names, seconds=self._plan.within_s)
        time.sleep(self._random.uniform(0, self._plan.longest_wait_s))
        for name in names:
            self._system.kill(name)
            self.by_name[name] += 1
        for name in names:
            self._system.start(name, *OURS[name], wait=False)
        say(f"kill {self.count}: {', '.join(names)}")


def wrong_in(report: dict[str, Any]) -> dict[str, Any]:
    """The part of a report that must be empty."""
    names = (
        "lost",
        "doubled_ids",
        "told_twice",
        "gaps",
        "unexplained",
        "wrong_mutes",
        "pending",
        "towns_wrong",
        "revisions_wrong",
    )
    return {name: report[name] for name in names if report[name]}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--towns", type=int, default=len(TOWNS), help="bursts of posts for the detector")
    parser.add_argument("--only", default=",".join(OURS), help="what is killed: worker,detect,notify")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    report = run(Plan(given.seed, given.changes, given.kills, given.towns, tuple(given.only.split(","))))
    print(json.dumps(report, indent=2))
    raise SystemExit(1 if wrong_in(report) else 0)


if __name__ == "__main__":
    main()
