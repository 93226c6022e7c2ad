"""One chaos run: faults strike a running system under load; afterwards nothing may be lost, doubled or stuck.

    python -m tests.chaos.run --seed 7 --seconds 600 --faults 200

prints the seed, each round and, as JSON on standard output, what came out. The same seed draws the same load and the
same faults.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from stormpetrel.cli.system import ensure_models
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import LIVE_TOPICS, POSTS_ENRICHED, POSTS_RAW
from stormpetrel.log import read_dead_letters
from tests.chaos.faults import Fault, Rounds, rounds
from tests.chaos.light_model import light_cache
from tests.chaos.load import Load, Searches
from tests.chaos.recovery import GROUPS, lags, until_a_post_comes_through
from tests.chaos.scenes import SceneLoad, wrong_scenes
from tests.chaos.system import DISK_MIB, FRESH_MOST, ChaosSystem, small_disk

CACHE = Path(os.environ.get("STORMPETREL_CACHE", Path(__file__).resolve().parents[2] / ".stormpetrel" / "cache"))
RECOVERED_WITHIN_S = 120.0
DRAINED_WITHIN_S = 150.0
LEFT_EMPTY = ("lost", "doubled", "unknown", "wrong", "poison_not_dead", "useless_reasons", "wrong_scenes")
SHORTEST_REASON = 15  # characters
ANSWERS = {"200", "503", "no answer"}  # what a search may get while faults hold


@dataclass(frozen=True)
class Plan:
    """What a run does: until `faults` have struck or `seconds` have passed. No fault holds longer than `longest_s`."""

    seed: int
    seconds: float
    faults: int
    longest_s: float = 60.0
    posts_per_s: float = 20.0
    poison_share: float = 0.01
    only: tuple[str, ...] = ()  # faults whose names have one of these words; none: all
    disk_mib: int = DISK_MIB
    fresh_most: int = FRESH_MOST
    recovered_within_s: float = RECOVERED_WITHIN_S  # a system that takes longer is stuck, and the run ends


def run(plan: Plan, cache: Path = CACHE) -> dict[str, Any]:
    """The report of a run. Raises AssertionError where the system does not recover."""
    _say(f"chaos: seed {plan.seed}, {plan.seconds:.0f} s, {plan.faults} faults at the most")
    with small_disk(plan.disk_mib) as (folder, can_fill_disk):
        if not can_fill_disk:
            _say("a full disk is left out: mounting a small tmpfs is not allowed here")
        with ChaosSystem(folder, cache, plan.seed, can_fill_disk, plan.fresh_most) as system:
            try:
                report = _run(plan, system)
            except BaseException:
                _keep_logs(folder)
                raise
            if report["lag"] or any(report[name] for name in LEFT_EMPTY):
                _keep_logs(folder)
            return report


def _keep_logs(folder: Path) -> None:
    logs = tempfile.mkdtemp(prefix="stormpetrel-chaos-logs-")
    shutil.copytree(folder / "logs", logs, dirs_exist_ok=True)
    _say(f"the logs of all processes are kept in {logs}")


def _run(plan: Plan, system: ChaosSystem) -> dict[str, Any]:
    load = Load(system.kafka, plan.seed, plan.posts_per_s, plan.poison_share)
    scenes = SceneLoad(system.kafka, plan.seed, system.directory / "products")
    load.start()
    scenes.start()
    with Searches(system.search_status) as searches:
        try:
            struck = list(
                _strike(plan, system, load, rounds(plan.seed, system.can_fill_disk, plan.longest_s, plan.only))
            )
        finally:
            system.clear()
    load.stop()
    scenes.stop()
    drained_s = _drain(system, plan.recovered_within_s)
    return {
        "seed": plan.seed,
        "faults": sum(len(faults) for faults, _ in struck),
        "load": dict(load.counts) | {"products": scenes.published},
        "restarts": dict(system.restarts),
        "recovery_s": _recoveries(struck),
        "drained_s": drained_s,
        "searches": dict(searches.outcomes),
        **_faults_of_the_result(system, load),
        "wrong_scenes": wrong_scenes(system, scenes)[:20],
    }


def _strike(plan: Plan, system: ChaosSystem, load: Load, drawn: Rounds) -> Iterator[tuple[list[Fault], float]]:
    """Rounds of faults with the seconds from the end of each until a new post is in the stores."""
    until, left = time.monotonic() + plan.seconds, plan.faults
    while left > 0 and time.monotonic() < until:
        faults, hold_s = drawn.next(left)
        left -= len(faults)
        names = ", ".join(fault.name for fault in faults)
        for fault in faults:
            fault.strike(system)
        time.sleep(hold_s)
        for fault in faults:
            fault.end(system)
        recovered_s = until_a_post_comes_through(system, load, str(left), names, plan.recovered_within_s)
        _say(f"{names}: {hold_s:.1f} s; a new post came through {recovered_s:.1f} s after it")
        yield faults, recovered_s


def _drain(system: ChaosSystem, ready_within_s: float) -> float:
    """Seconds until nothing is left to do on any topic, twice in a row."""
    started = time.monotonic()
    system.wait_until_ready(ready_within_s)
    empty = 0
    while empty < 2:
        left = lags(system)
        empty = 0 if any(left.values()) else empty + 1
        waited = time.monotonic() - started
        assert waited < DRAINED_WITHIN_S, (
            f"not worked through after {waited:.0f} s: {left}, by partition {system.partitions_left(GROUPS)}; restarts "
            f"{dict(system.restarts)}, worker {system.probe('worker')}, index {system.probe('index')}"
        )
        time.sleep(0.5)
    return round(time.monotonic() - started, 1)


def _faults_of_the_result(system: ChaosSystem, load: Load) -> dict[str, Any]:
    """What is wrong in the end: each list is empty after a good run."""
    verification = system.verify()
    return {
        "lost": verification.lost[:20],
        "doubled": verification.doubled[:20],
        "unknown": verification.extra[:20],
        "wrong": _wrong_posts(system, load)[:20],
        **_poison_left(system, load),
        "lag": sum(lags(system).values()),
    }


def _wrong_posts(system: ChaosSystem, load: Load) -> list[str]:
    """Acknowledged posts that are not as they were last written: order by key, and nothing deleted that is there."""
    expected = load.expected | load.markers
    ids = list(expected)
    texts: dict[str, str | None] = dict.fromkeys(ids)
    for start in range(0, len(ids), 500):
        found = system.documents.get("posts", ids[start : start + 500])
        texts |= {post_id: document["text"] for post_id, document in found.items()}
    wrong = {post_id: text for post_id, text in expected.items() if texts[post_id] != text}
    histories = _histories(system, set(wrong)) if wrong else {}
    return [
        f"{post_id} is {texts[post_id]!r}, not {text!r}; on the log {histories[post_id]}"
        for post_id, text in wrong.items()
    ]


def _histories(system: ChaosSystem, post_ids: set[str]) -> dict[str, list[str]]:
    """Where the records of each post stand on the log, and when they came there."""
    histories = defaultdict(list)
    for topic in (POSTS_RAW, POSTS_ENRICHED):
        for record in system.reader.read(topic):
            post_id = (record.key or b"").decode(errors="replace")
            if post_id in post_ids:
                text = re.search(rb"(first|later) report \d+", record.value)
                what = text.group().decode() if text else record.header("schema")
                histories[post_id].append(f"{record.provenance} at {record.timestamp_ms}: {what}")
    return histories


def _poison_left(system: ChaosSystem, load: Load) -> dict[str, Any]:
    """Poison that is no dead letter, and reasons that help nobody."""
    reasons = {
        letter.provenance: letter.reason for topic in LIVE_TOPICS for letter in read_dead_letters(system.reader, topic)
    }
    not_dead = [
        f"{poison.record.topic} {poison.kind}"
        for provenance, poison in load.poison.items()
        if poison.must_die and provenance not in reasons
    ]
    useless = [
        f"{load.poison[provenance].kind}: {reason!r}"
        for provenance, reason in reasons.items()
        if provenance in load.poison and (len(reason) < SHORTEST_REASON or "Traceback" in reason)
    ]
    return {"dead_letters": len(reasons), "poison_not_dead": sorted(set(not_dead)), "useless_reasons": useless[:20]}


def wrong_in(report: dict[str, Any]) -> dict[str, Any]:
    """The part of a report that must be empty."""
    names = ("lost", "doubled", "unknown", "wrong", "wrong_scenes", "poison_not_dead", "useless_reasons", "lag")
    broken = {outcome: count for outcome, count in report["searches"].items() if outcome not in ANSWERS}
    return {name: report[name] for name in names if report[name]} | ({"searches": broken} if broken else {})


def _recoveries(struck: list[tuple[list[Fault], float]]) -> dict[str, Any]:
    """Seconds until a new post came through: of the faults that struck alone, and of all rounds."""
    alone = defaultdict(list)
    for faults, seconds in struck:
        if len(faults) == 1:
            alone[faults[0].name].append(round(seconds, 1))
    every = [seconds for _, seconds in struck] or [0.0]
    return {"median": round(median(every), 1), "longest": round(max(every), 1), "alone": dict(sorted(alone.items()))}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--longest", type=float, default=60, help="seconds that a fault may hold")
    parser.add_argument("--rate", type=float, default=20, help="posts a second")
    parser.add_argument("--poison", type=float, default=0.01, help="poison records a post")
    parser.add_argument("--only", default="", help="strike only with faults of these names, as 'disk full,kafka'")
    parser.add_argument("--light", action="store_true", help="a text model that costs next to nothing, for high rates")
    parser.add_argument("--disk-mib", type=int, default=DISK_MIB, help="size of the disk of broker and stores")
    parser.add_argument("--fresh-most", type=int, default=FRESH_MOST, help="points before the index is optimised")
    parser.add_argument(
        "--recover-within", type=float, default=RECOVERED_WITHIN_S, help="seconds until it counts as stuck"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    only = tuple(name.strip() for name in given.only.split(",") if name.strip())
    drawn = (given.seed, given.seconds, given.faults, given.longest, given.rate, given.poison, only)
    ensure_models(Settings(cache=CACHE), _say)
    with tempfile.TemporaryDirectory() as folder:
        cache = light_cache(CACHE, Path(folder)) if given.light else CACHE
        report = run(Plan(*drawn, given.disk_mib, given.fresh_most, given.recover_within), cache)
    print(json.dumps(report, indent=2))
    raise SystemExit(1 if wrong_in(report) else 0)


if __name__ == "__main__":
    main()
