"""What the routes of alerting work with: the register, on the topics that this process follows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from stormpetrel.alerting.receiver_settings import read_receivers
from stormpetrel.alerting.recent_alerts import RecentAlerts
from stormpetrel.alerting.recent_changes import RecentChanges
from stormpetrel.alerting.register import AlertingRegister
from stormpetrel.core.events import Event
from stormpetrel.core.incident_settings import Alerting
from stormpetrel.core.topics import ALERTING_TOPICS, Topic
from stormpetrel.log import TopicView
from stormpetrel.log.producer import RecordProducer
from stormpetrel.log.topic_reader import TopicReader
from stormpetrel.search.saved_search_feed import Message


class AlertingResources:
    """The register, followed from the log and written through it."""

    def __init__(self, settings: Alerting, reader: TopicReader, producer: RecordProducer) -> None:
        receivers = read_receivers(settings.receivers)
        self.register = AlertingRegister(receivers, settings.public_url, self._write, self._wait_until_read)
        self.views = {
            topic.name: TopicView(reader, topic, self.register.apply, producer).start() for topic in ALERTING_TOPICS
        }

    def _write(self, topic: Topic, key: str, event: Event) -> None:
        self.views[topic.name].write([(key, event)])

    def _wait_until_read(self) -> None:
        for view in self.views.values():
            view.wait_until_caught_up()


class AlertFeed:
    """What those hear who listen to a receiver: each message as an event `alert`. A feed for `api.listening`."""

    is_waiting = False

    def __init__(self, receiver: str, recent: RecentAlerts, since_id: str | None = None) -> None:
        self._receiver, self._recent = receiver, recent
        self._last_id = recent.newest_id(receiver) if since_id is None else since_id
        self.saved_search_id = f"alerts of {receiver}"  # listeners to one feed share its polls

    def message(self, event: str, **_: Any) -> Message:
        """A message of the feed itself, such as `listening`."""
        return Message(self._last_id, event, {"receiver": self._receiver})

    def poll(self) -> list[Message]:
        """What came since the last poll."""
        alerts = self._recent.after(self._receiver, self._last_id)
        if alerts:
            self._last_id = alerts[-1].message_id
        return [
            Message(alert.message_id, "alert", alert.model_dump(mode="json", exclude_none=True)) for alert in alerts
        ]


def feed_opener(receiver: str, recent: RecentAlerts) -> Callable[[str | None], AlertFeed]:
    """Opens the receiver's feed after a message's id; None: from now on."""
    return partial(AlertFeed, receiver, recent)


class ChangeFeed:
    """What those hear who listen to incidents: each change as `incident`, what somebody did as `action`. A feed for
    `api.listening`."""

    is_waiting = False
    saved_search_id = "changes of incidents"  # all listeners share its polls

    def __init__(self, recent: RecentChanges, since_id: str | None = None) -> None:
        self._recent = recent
        self._last_id = recent.newest_id() if since_id is None else since_id

    def message(self, event: str, **_: Any) -> Message:
        """A message of the feed itself, such as `listening`."""
        return Message(self._last_id, event, {})

    def poll(self) -> list[Message]:
        """What came since the last poll."""
        changes = self._recent.after(self._last_id)
        if changes:
            self._last_id = changes[-1].change_id
        return [
            Message(each.change_id, each.name, each.event.model_dump(mode="json", exclude={"schema_version"}))
            for each in changes
        ]
