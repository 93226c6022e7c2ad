"""incidents, incident.actions, rules, silences -> notifications, and on to receivers.

One process of the group tells: the one that has the first partition of the incidents. All of them follow the same
topics, so that whoever gets it next goes on where the last one ended. Nothing is sent before everything that stands on
the topics was read.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from stormpetrel.alerting.messages import sending
from stormpetrel.alerting.notifier import Notifier
from stormpetrel.alerting.receiver_settings import read_receivers
from stormpetrel.alerting.world import World
from stormpetrel.core import clock
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import AlertMessage, Event, NotificationLogged, encode
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import ALERTING_TOPICS, INCIDENTS, NOTIFICATIONS
from stormpetrel.log import BatchConsumer, Record, Rejected, TopicView
from stormpetrel.log.consumer import KafkaConsumer
from stormpetrel.log.lag import STALLED_EXIT, GroupOffsets, LagMonitor
from stormpetrel.log.producer import KafkaProducer, RecordProducer
from stormpetrel.log.topic_reader import KafkaTopicReader, TopicReader
from stormpetrel.process.metrics import NOTIFICATION_SECONDS, NOTIFICATIONS_MUTED
from stormpetrel.process.metrics import NOTIFICATIONS as NOTIFICATIONS_COUNTED
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.receivers import open_receivers
from stormpetrel.receivers.delivery_threads import DeliveryThreads

log = structlog.get_logger()
STAGE = "notify"
FIRST = (INCIDENTS.name, 0)
PAUSE_S = 1.0
STALLED_AFTER_S = 60.0
STOP_WITHIN_S = 3.0
BATCH, BATCH_WITHIN_S = 500, 0.5


class Telling:
    """Tells while `is_teller` says that it is this process's turn, in a thread of its own."""

    def __init__(
        self, settings: Settings, reader: TopicReader, producer: RecordProducer, is_teller: Callable[[], bool]
    ) -> None:
        stated = read_receivers(settings.alerting.receivers)
        self._producer, self._is_teller = producer, is_teller
        self._every_s = settings.alerting.every_s
        self._threads = DeliveryThreads(settings.alerting.most_at_once)
        self._notifier = Notifier(
            World(stated),
            open_receivers(stated, settings.alerting),
            self._write,
            self._give_up,
            clock.now,
            self._threads.submit,
            self._count,
        )
        self._created: dict[str, tuple[str, float]] = {}
        self._changed, self._stopping = threading.Event(), threading.Event()
        self.views = {topic.name: TopicView(reader, topic, self._apply, producer) for topic in ALERTING_TOPICS}
        self._thread = threading.Thread(target=self._run, daemon=True, name="telling")
        self.last_step = time.monotonic()

    def start(self) -> None:
        for view in self.views.values():
            view.start()
        self._thread.start()

    def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """Lets deliveries that are under way end and their ends go to the log, as far as the time allows."""
        self._stopping.set()
        self._changed.set()
        self._thread.join(within_s)
        for view in self.views.values():
            view.close()

    def _apply(self, event: Event) -> None:
        self._notifier.apply(event)
        self._changed.set()

    def _write(self, entries: Sequence[NotificationLogged]) -> None:
        self.views[NOTIFICATIONS.name].write([(entry.key, entry) for entry in entries])

    def _give_up(self, message: AlertMessage, problem: str) -> None:
        """With the dead letters goes the entry by which the message is sent again: `stormpetrel dead replay`."""
        self._producer.dead_letter(
            NOTIFICATIONS, encode(sending(message)), problem, STAGE, f"message {message.message_id}"
        )
        self._producer.flush()

    def _count(self, entry: NotificationLogged) -> None:
        if entry.mute is not None:
            NOTIFICATIONS_MUTED.labels(entry.mute.kind).inc()
        NOTIFICATIONS_COUNTED.labels(entry.receiver, entry.outcome).inc()
        if entry.message is not None:
            self._created[entry.message.message_id] = entry.message.channel, entry.message.created_at.timestamp()
        elif (created := self._created.pop(entry.message_id or "", None)) is not None:
            NOTIFICATION_SECONDS.labels(created[0]).observe(max(0.0, entry.logged_at.timestamp() - created[1]))

    def _run(self) -> None:
        was_teller = False
        while not self._stopping.is_set():
            self._changed.wait(self._every_s)
            self._changed.clear()
            try:
                if is_teller := self._is_teller():
                    if not was_teller:  # from here on nobody else writes: what stands on the topics is all there is
                        for view in self.views.values():
                            view.catch_up()
                    self._notifier.step()
                was_teller = is_teller
                self.last_step = time.monotonic()
            except StoreUnavailable as error:
                log.warning("alerts wait for the broker", error=str(error))
                self._pause()
            except Exception:
                log.exception("telling failed; it goes on")
                self._pause()
        self._finish(was_teller)

    def _pause(self) -> None:
        self.last_step = time.monotonic()  # it lives, and waits
        self._stopping.wait(PAUSE_S)

    def _finish(self, was_teller: bool) -> None:
        if not was_teller:
            return
        self._threads.wait(STOP_WITHIN_S / 2)
        try:
            self._notifier.log_ends()
        except StoreUnavailable as error:
            log.warning("some deliveries are not on the log; they are sent again", error=str(error))


def watch(telling: Telling) -> None:
    """Ends the process where the telling thread stands still: started again, it goes on from the log."""

    def look() -> None:
        while True:
            time.sleep(PAUSE_S)
            silent_s = time.monotonic() - telling.last_step
            if silent_s > STALLED_AFTER_S:
                log.error("telling stands still; this process ends to be started again", silent_s=round(silent_s))
                os._exit(STALLED_EXIT)

    threading.Thread(target=look, daemon=True, name="watch of telling").start()


def taken(view: TopicView) -> Callable[[Sequence[Record]], list[Rejected]]:
    """The work of the group's member: its records count as done when the view of the incidents has passed them. What
    cannot be read the view has sent to the dead letters."""

    def work(_: Sequence[Record]) -> list[Rejected]:
        view.catch_up()
        return []

    return work


def run(settings: Settings) -> None:
    """Runs the notify consumer until SIGTERM or SIGINT."""
    set_up_log(STAGE)
    readiness = Readiness("the broker")
    serve_probes(settings.alerting.probe_port, readiness, settings.probe_host)
    consumer, offsets = KafkaConsumer(settings.kafka, STAGE), GroupOffsets(settings.kafka, STAGE)
    producer = KafkaProducer(settings.kafka)
    telling = Telling(settings, KafkaTopicReader(settings.kafka), producer, lambda: FIRST in consumer.assigned())
    telling.start()
    watch(telling)
    LagMonitor(offsets, [INCIDENTS], consumer.assigned, readiness, settings.kafka.stalled_after_s).start()
    log.info("notify consumer is set up", receivers=settings.alerting.receivers and str(settings.alerting.receivers))
    work = BatchConsumer(consumer, producer, STAGE, taken(telling.views[INCIDENTS.name]), readiness)
    work.run([INCIDENTS.name], BATCH, BATCH_WITHIN_S)
    telling.stop()
