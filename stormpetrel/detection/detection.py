"""Posts, photos, patches, official signals and actions become incidents: drives the detector from the log by steps.

A step says which records are taken together and how far event time has come, and is on `incident.steps` before it is
done. So what the detector makes of the log is settled by the log: whoever does a step again makes the same revisions,
with the same ids and the same content. A revision that stands on `incidents` is not published again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from stormpetrel.core.clock import moment_of, now
from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import (
    DetectionStep,
    EnrichedPost,
    Event,
    Incident,
    IncidentAction,
    PatchDescribed,
    PhotosDescribed,
    PostDeleted,
    SceneDescribed,
    Signal,
)
from stormpetrel.core.topics import (
    INCIDENT_ACTIONS,
    INCIDENTS,
    PATCHES_DESCRIBED,
    POSTS_ENRICHED,
    POSTS_PHOTOS,
    SIGNALS,
)
from stormpetrel.detection.state import Opened, State
from stormpetrel.detection.step_journal import Step, StepJournal, placed
from stormpetrel.incidents import Detector
from stormpetrel.incidents.snapshot import restore, snapshot
from stormpetrel.incidents.watermark import Watermark, event_time
from stormpetrel.log import Record, TopicReader, dead_letter_of, record_of_event
from stormpetrel.log.input_buffer import InputBuffer
from stormpetrel.log.input_reader import InputReader, Place
from stormpetrel.log.producer import RecordProducer
from stormpetrel.process.metrics import INCIDENT_REVISIONS
from stormpetrel.stores.snapshot_file import SnapshotFile

log = structlog.get_logger()
STAGE = "detect"
KEY = "detector"
# In the order in which a step takes them.
DETECTOR_INPUTS = (INCIDENT_ACTIONS, PATCHES_DESCRIBED, SIGNALS, POSTS_ENRICHED, POSTS_PHOTOS)
READ_HERE_ALONE = (INCIDENT_ACTIONS.name, SIGNALS.name)
EVENTS = {topic.name: topic.events for topic in DETECTOR_INPUTS}
DEFAULTS: dict[str, type[Event]] = {POSTS_ENRICHED.name: EnrichedPost, POSTS_PHOTOS.name: PhotosDescribed}
BATCH = 500  # records a step
PASSING = timedelta(seconds=10)  # how often time alone is a step
READ_WITHIN_S = 60.0


class Detection:
    """The one detector of the system, while it is this process's turn. For one thread.

    `waiting_upstream` are the partitions that have posts still to be enriched: event time waits for these. Whatever
    fails, call `begin` again: the state in memory is then read anew.
    """

    def __init__(
        self,
        reader: TopicReader,
        inputs: InputReader,
        producer: RecordProducer,
        opened: Opened,
        file: SnapshotFile,
        waiting_upstream: Callable[[], Collection[int]] = tuple,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._reader, self._inputs, self._producer = reader, inputs, producer
        self._opened, self._file, self._clock = opened, file, clock
        self._waiting_upstream = waiting_upstream
        self._state: State | None = None
        self._buffer = InputBuffer(inputs, [topic.name for topic in DETECTOR_INPUTS])
        self._journal = StepJournal(reader, producer)
        self._published: dict[str, int] = {}
        self._stepped_at = clock()

    @property
    def state(self) -> State:
        """As it stands now. Raises RuntimeError before `begin`."""
        if self._state is None:
            raise RuntimeError("the detector has not begun")
        return self._state

    def begin(self) -> None:
        """Reads the state: from the snapshot and the steps after it, or anew from the incidents and the newest posts.

        Raises StoreUnavailable, and Superseded where another process writes steps.
        """
        self._state = None
        incidents = self._newest_incidents()
        self._published = {incident_id: incident.revision for incident_id, incident in incidents.items()}
        state = self._from_snapshot() or self._anew(list(incidents.values()))
        self._state = state
        self._stepped_at = self._clock()
        log.info("the detector goes on", step=state.step, incidents=len(state.detector.incidents))

    def step(self, timeout_s: float) -> list[Incident]:
        """Takes what has come, if anything has, and lets event time pass; the incidents that have changed.

        Raises StoreUnavailable, and Superseded where another process has taken over.
        """
        state = self.state
        self._buffer.fill(BATCH, timeout_s)
        moment, ends = self._clock(), dict(self._buffer.next_offsets)
        events = self._decoded(self._buffer.cut(ends))
        self._see(state, events, moment)
        reached = self._reach(state, moment, bool(events))
        if not events and reached == state.watermark.value:
            return []
        # Before it is done: a crash from here on does the same step again.
        state.step, step = self._journal.append(ends, reached, moment)
        self._stepped_at = moment
        return self._publish(self._do(state, step, ends, events))

    def keep(self) -> None:
        """Writes a snapshot, so that a restart is quick. What it holds is on the log."""
        state = self.state
        self._file.write(snapshot(state, self._opened.parts()))

    def tell_progress(self) -> None:
        """Tells the broker how far the detector has come, for whoever asks for its lag. Nothing else rests on it."""
        self._inputs.commit(self.state.offsets)

    def _newest_incidents(self) -> dict[str, Incident]:
        newest: dict[str, Incident] = {}
        for record in self._reader.read(INCIDENTS):
            try:
                incident = record.decode(Incident)
            except StormpetrelError as error:
                log.warning("a revision cannot be read", provenance=record.provenance, reason=str(error))
                continue
            if incident.incident_id not in newest or newest[incident.incident_id].revision < incident.revision:
                newest[incident.incident_id] = incident
        return newest

    def _from_snapshot(self) -> State | None:
        """None where there is no snapshot, or what came after it is not whole."""
        raw = self._file.read()
        if raw is None:
            return None
        try:
            state: State = restore(raw, self._opened.parts())
        except ValueError as error:
            log.warning("the detector's snapshot is of no use; the state is read from the log", reason=str(error))
            return None
        if (state.confidence, state.rules) != (self._opened.confidence.version, self._opened.rules):
            log.info("the detector's model or rules have changed; the state is read from the log")
            return None
        bounds = self._inputs.bounds()
        if bounds.keys() != state.offsets.keys() or any(start > state.offsets[p] for p, (start, _) in bounds.items()):
            log.warning("the log no longer holds what came after the detector's snapshot")
            return None
        steps = self._journal.after(state.step)
        return None if steps is None else self._replayed(state, steps)

    def _replayed(self, state: State, steps: Sequence[Step]) -> State:
        self._buffer.start(state.offsets)
        for offset, step in steps:
            ends = placed(step.ends)
            self._buffer.fill_up_to(ends, BATCH, READ_WITHIN_S)
            events = self._decoded(self._buffer.cut(ends))
            self._see(state, events, step.decided_at)
            # The one who did it may have died before all of its revisions were published.
            self._publish(self._do(state, step, ends, events))
            state.step = offset
        return state

    def _anew(self, incidents: Sequence[Incident]) -> State:
        """The incidents' newest revisions, and the posts of the longest window to be heard again."""
        rules = self._opened.rules
        starts = dict(self._inputs.since((rules.longest_window + rules.allowed_lateness).total_seconds()))
        first = {place: start for place, (start, _) in self._inputs.bounds().items()}
        for place, taken in self._journal.taken_so_far().items():
            if place in starts:  # what nobody has taken yet may be older than the window
                starts[place] = max(first[place], min(starts[place], taken))
        detector = self._opened.detector()
        detector.restore(incidents)
        offset, _ = self._journal.begin_anew(starts, self._clock())
        version = self._opened.confidence.version
        state = State(detector, Watermark(), starts, offset, version, rules)
        self._file.write(snapshot(state, self._opened.parts()))  # from here on it can be done again
        self._buffer.start(starts)
        return state

    def _decoded(self, records: Sequence[Record]) -> list[tuple[Record, Any]]:
        """What cannot be read is the index consumer's: it makes the dead letter. Of actions and signals it is ours."""
        events = []
        for record in records:
            try:
                event = record.decode(*EVENTS[record.topic], default=DEFAULTS.get(record.topic))
            except StormpetrelError as error:
                if record.topic in READ_HERE_ALONE:
                    self._producer.send(dead_letter_of(record, str(error), STAGE))
                continue
            events.append((record, event))
        return events

    def _see(self, state: State, events: Sequence[tuple[Record, Any]], moment: datetime) -> None:
        for record, event in events:
            if isinstance(event, EnrichedPost):
                made_at = event_time(event, state.rules.clock_skew)
                state.watermark.see(record.partition, made_at, moment_of(record.timestamp_ms), moment)

    def _reach(self, state: State, moment: datetime, has_news: bool) -> datetime | None:
        """How far event time has come. Where nothing comes it is asked whether there is really nothing more."""
        if has_news:
            unread = self._unread(self._buffer.ends).union(self._waiting_upstream())
            return state.watermark.reach(moment, unread)
        if not state.watermark.has_waiting_posts and moment - self._stepped_at < PASSING:
            return state.watermark.value
        unread = self._unread({place: end for place, (_, end) in self._inputs.bounds().items()})
        if unread or self._waiting_upstream():
            return state.watermark.value
        return state.watermark.reach(moment, unread)

    def _unread(self, ends: Mapping[Place, int]) -> set[int]:
        """The partitions of posts that hold more than was read."""
        return {
            partition
            for (topic, partition), end in ends.items()
            if topic == POSTS_ENRICHED.name and self._buffer.next_offsets.get((topic, partition), 0) < end
        }

    def _do(
        self, state: State, step: DetectionStep, ends: Mapping[Place, int], events: Sequence[tuple[Record, Any]]
    ) -> list[Incident]:
        self._opened.clock.moment = step.decided_at
        revisions = [revision for record, event in events for revision in self._take(state.detector, record, event)]
        if step.watermark is not None:
            revisions += state.detector.advance(step.watermark)
            self._set_aside(state.detector)
            state.watermark.pass_to(step.watermark)
        state.offsets = dict(ends)
        return revisions

    def _take(self, detector: Detector, record: Record, event: Any) -> list[Incident]:
        try:
            match event:
                case EnrichedPost():
                    return detector.take(event)
                case PostDeleted():
                    return detector.forget(event.post_id)
                case PhotosDescribed():
                    return detector.take_photos(event)
                case IncidentAction():
                    return detector.take_action(event)
                case Signal():
                    return detector.take_signal(event)
                case SceneDescribed():
                    return detector.take_scene(event)
                case PatchDescribed():
                    detector.take_patch(event)
        except Exception as error:
            log.exception("a fault of ours, or of a record", provenance=record.provenance)
            self._producer.send(dead_letter_of(record, f"{type(error).__name__}: {error}", STAGE))
        return []

    def _set_aside(self, detector: Detector) -> None:
        """The dead letters of posts that failed when event time passed them."""
        letters = []
        for post, error in detector.failed:
            log.error("a fault of ours, or of a post", post=post.post.post_id, exc_info=error)
            failed = record_of_event(POSTS_ENRICHED, post.post.post_id, post)
            record = Record(failed.topic, -1, -1, failed.key, failed.value, failed.headers)
            reason, provenance = f"{type(error).__name__}: {error}", f"{failed.topic}, key {post.post.post_id}"
            letters.append(dead_letter_of(record, reason, STAGE, provenance))
        detector.failed.clear()
        self._producer.deliver(letters)

    def _publish(self, revisions: Sequence[Incident]) -> list[Incident]:
        """Those that the log lacks. Returns when the broker holds them, and what else was sent."""
        fresh = [each for each in revisions if each.revision > self._published.get(each.incident_id, 0)]
        self._producer.deliver([record_of_event(INCIDENTS, each.incident_id, each) for each in fresh])
        for each in fresh:
            self._published[each.incident_id] = each.revision
            INCIDENT_REVISIONS.labels(each.kind, each.change).inc()
        return fresh
