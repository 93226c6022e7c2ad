"""posts.enriched, posts.photos, patches.described, signals, incident.actions -> incidents: it finds incidents.

One process of the group detects: the one that has the partition of the steps. The others stand by, and go on from the
log where it ends. See `stormpetrel/detection/` for what makes that exact.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from stormpetrel.bootstrap import open_glosser
from stormpetrel.core.clock import now
from stormpetrel.core.errors import StoreUnavailable, Superseded
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import INCIDENT_STEPS, POSTS_RAW
from stormpetrel.detection import DETECTOR_INPUTS, STAGE, Detection, Opened
from stormpetrel.incidents import DetectionRules, LearnedConfidence
from stormpetrel.log.batch_consumer import LONGEST_WORK_S, RecordConsumer
from stormpetrel.log.consumer import KafkaConsumer
from stormpetrel.log.input_reader import KafkaInputReader
from stormpetrel.log.lag import GroupOffsets, LagMonitor
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.log.work_aside import WorkAside
from stormpetrel.process.metrics import (
    DETECT_SECONDS,
    DETECTOR_SKIPPED,
    DETECTOR_WATERMARK_DELAY,
    DETECTS,
    INCIDENTS_TRACKED,
    LAST_PROGRESS,
)
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.stores.snapshot_file import SnapshotFile

log = structlog.get_logger()
TURN = "detect-turn"  # the group whose member with the partition of the steps detects
STEP_WITHIN_S = 0.1
PAUSE_S = 0.5
SHOW_EVERY_S = 1.0
LEAST_SHARE = 20  # a snapshot is written no more often than this many times what it takes
Place = tuple[str, int]


class Detecting:
    """Detects while `has_turn` says so, until it is told to stop."""

    def __init__(
        self,
        detection: Detection,
        turn: RecordConsumer,
        has_turn: Callable[[], bool],
        readiness: Readiness,
        every_s: float,
    ) -> None:
        self._detection, self._turn, self._has_turn = detection, turn, has_turn
        self._aside = WorkAside(turn, "detection")
        self._readiness, self._every_s = readiness, every_s
        self._kept_at = self._shown_at = 0.0
        self._keeping_s = 0.0
        self.detects = self.stopping = False

    def stop(self, *_: Any) -> None:
        self.stopping = True

    def run(self) -> None:
        """Until SIGTERM or SIGINT; a snapshot is written on the way out."""
        self._turn.subscribe([INCIDENT_STEPS.name], self._readiness.ready)
        while not self.stopping:
            self._readiness.beat()
            try:
                self.look()
            except Superseded as error:
                log.warning("another detector has written; its steps are read", reason=str(error))
                self.detects = False
            except StoreUnavailable as error:
                self._readiness.waits_for(f"the broker: {error}")
                log.warning("the detector waits", reason=str(error))
                self.detects = False
                time.sleep(PAUSE_S)
        if self.detects:
            self._keep()
        self._turn.close()
        self._aside.close()

    def look(self) -> None:
        """Detects for one step, or stands by. Raises StoreUnavailable and Superseded."""
        # The steps are read by who needs them, elsewhere; here membership alone counts.
        if steps := self._turn.consume(1000, 0 if self.detects else STEP_WITHIN_S):
            self._turn.commit(steps[-1:])
        if not self._has_turn():
            self.detects = False
            DETECTS.set(0)
            return
        if not self.detects:
            self._readiness.beat(LONGEST_WORK_S)
            self._aside.do(self._detection.begin)
            self._readiness.ready()
            self.detects, self._kept_at = True, time.monotonic()
            DETECTS.set(1)
        self._step()

    def _step(self) -> None:
        started = time.monotonic()
        if self._detection.step(STEP_WITHIN_S):
            DETECT_SECONDS.observe(time.monotonic() - started)
        LAST_PROGRESS.set_to_current_time()
        if time.monotonic() - self._kept_at > max(self._every_s, LEAST_SHARE * self._keeping_s):
            self._keep()
        if time.monotonic() - self._shown_at > SHOW_EVERY_S:
            self._shown_at = time.monotonic()
            self._detection.tell_progress()
            show(self._detection)

    def _keep(self) -> None:
        self._kept_at = time.monotonic()
        self._aside.do(self._detection.keep)
        self._keeping_s = time.monotonic() - self._kept_at


def show(detection: Detection) -> None:
    """Puts how the detector stands into the metrics."""
    state = detection.state
    INCIDENTS_TRACKED.clear()
    for (kind, name), count in Counter((each.kind, each.state) for each in state.detector.incidents.values()).items():
        INCIDENTS_TRACKED.labels(kind, name).set(count)
    for reason, count in state.detector.skipped.items():
        DETECTOR_SKIPPED.labels(reason).set(count)
    if state.watermark.value is not None:
        DETECTOR_WATERMARK_DELAY.set((now() - state.watermark.value).total_seconds())


def _english(settings: Settings) -> Callable[[str], str]:
    glosser = open_glosser(settings)

    def english(text: str) -> str:
        return glosser.gloss(text).text

    return english


def unfinished(worker: GroupOffsets) -> Callable[[], list[int]]:
    """Asks which partitions of raw posts the worker has not finished. An enriched post keeps its partition."""

    def waiting() -> list[int]:
        remaining = worker.remaining(POSTS_RAW)
        return [partition for (_, partition), left in remaining.items() if left.lag]

    return waiting


def run(settings: Settings) -> None:
    """Runs the detector until SIGTERM or SIGINT."""
    set_up_log(STAGE)
    readiness = Readiness("the broker")
    serve_probes(settings.detection.probe_port, readiness, settings.probe_host)
    rules = DetectionRules(label_kinds=tuple(sorted(settings.detection.label_kinds.items())))
    opened = Opened(LearnedConfidence.load(), _english(settings), rules)
    turn = KafkaConsumer(settings.kafka, TURN)
    inputs = KafkaInputReader(settings.kafka, DETECTOR_INPUTS, STAGE)
    upstream = GroupOffsets(settings.kafka, "worker")
    detection = Detection(
        KafkaTopicReader(settings.kafka),
        inputs,
        KafkaProducer(settings.kafka),
        opened,
        SnapshotFile(settings.detection.directory.resolve() / f"{settings.kafka.group_prefix}.state"),
        unfinished(upstream),
    )
    has_turn = (INCIDENT_STEPS.name, 0)
    detecting = Detecting(
        detection, turn, lambda: has_turn in turn.assigned(), readiness, settings.detection.snapshot_every_s
    )
    signal.signal(signal.SIGTERM, detecting.stop)
    signal.signal(signal.SIGINT, detecting.stop)

    def assigned() -> list[Place]:
        return list(detection.state.offsets) if detecting.detects else []

    offsets = GroupOffsets(settings.kafka, STAGE)
    LagMonitor(offsets, DETECTOR_INPUTS, assigned, readiness, settings.kafka.stalled_after_s).start()
    log.info("the detector is set up", confidence=opened.confidence.version)
    with suppress(KeyboardInterrupt):
        detecting.run()
    inputs.close()
