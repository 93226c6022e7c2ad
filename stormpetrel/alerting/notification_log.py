"""The notification log: what each receiver knows of each group, folded from the entries of the topic.

A message is on the log before it leaves. Whoever folds the same entries in the same order comes to the same state, so
that a process which starts again goes on where the last one ended: an entry `sending` without `sent` or `failed` is
sent again, under its old id. Where two processes plan at once, the log's order decides: the later of two messages with
the same number is void, and never leaves.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stormpetrel.core.events import AlertedIncident, AlertMessage, EarlierMessage, Mute, NotificationLogged, Reason

RATE_WINDOW = timedelta(hours=1)


@dataclass(frozen=True)
class MutedDifference:
    """A difference that the log says is muted."""

    reason: Reason
    mute: Mute


@dataclass
class GroupState:
    """What a receiver knows of a group. `told` are the incidents that it was told of and of which it has had no all
    clear; `pending` are messages without an end, by id; `muted` is what has been muted since it was told last."""

    group: str
    receiver: str
    rule_id: str
    number: int = 0
    last_message_at: datetime | None = None
    told: dict[str, AlertedIncident] = field(default_factory=dict)
    earlier: dict[str, EarlierMessage] = field(default_factory=dict)
    pending: dict[str, AlertMessage] = field(default_factory=dict)
    muted: dict[str, MutedDifference] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)

    @property
    def key(self) -> tuple[str, str]:
        return self.group, self.receiver

    def apply(self, entry: NotificationLogged) -> bool:
        """Folds an entry; False where it is void."""
        match entry.outcome:
            case "sending":
                return self._send(entry)
            case "muted":
                assert entry.incident_id is not None
                assert entry.reason is not None
                assert entry.mute is not None
                self.muted[entry.incident_id] = MutedDifference(entry.reason, entry.mute)
            case "sent":
                self.pending.pop(str(entry.message_id), None)
            case "failed":
                self.pending.pop(str(entry.message_id), None)
                self.given_up.add(str(entry.message_id))
        return True

    def _send(self, entry: NotificationLogged) -> bool:
        message = entry.message
        assert message is not None
        if message.message_id in self.given_up:  # replayed from the dead letters: it leaves once more
            self.given_up.discard(message.message_id)
            self.pending[message.message_id] = message
            return True
        if message.number <= self.number:
            return message.message_id in self.pending
        self.number, self.last_message_at = message.number, message.created_at
        self.pending[message.message_id] = message
        for incident in message.incidents:
            self.muted.pop(incident.incident_id, None)
            if incident.reason == "all_clear":
                self.told.pop(incident.incident_id, None)
                self.earlier.pop(incident.incident_id, None)
            else:
                self.told[incident.incident_id] = incident
                self.earlier[incident.incident_id] = EarlierMessage(
                    message_id=message.message_id, created_at=message.created_at
                )
        return True


class NotificationLog:
    """The states of all groups and receivers, and how many messages each rule has sent. Not for two threads at once."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], GroupState] = {}
        self._sent_at: dict[str, deque[datetime]] = defaultdict(deque)

    def apply(self, entry: NotificationLogged) -> None:
        """Takes an entry of the topic."""
        state = self.state(entry.group, entry.receiver, entry.rule_id)
        number = state.number
        state.apply(entry)
        if state.number > number and state.last_message_at is not None:
            self._sent_at[entry.rule_id].append(state.last_message_at)

    def state(self, group: str, receiver: str, rule_id: str) -> GroupState:
        """The state of a group and a receiver; an empty one where nothing was told yet."""
        return self.states.setdefault((group, receiver), GroupState(group, receiver, rule_id))

    def sent_within_the_hour(self, rule_id: str, now: datetime) -> int:
        """How many messages of a rule have left in the hour before."""
        moments = self._sent_at[rule_id]
        while moments and moments[0] <= now - RATE_WINDOW:
            moments.popleft()
        return len(moments)

    def pending(self) -> list[AlertMessage]:
        """The messages that have no end yet, the oldest first."""
        messages = (message for state in self.states.values() for message in state.pending.values())
        return sorted(messages, key=lambda message: message.created_at)


def folded(entries: Iterable[NotificationLogged]) -> NotificationLog:
    """The log of these entries."""
    log = NotificationLog()
    for entry in entries:
        log.apply(entry)
    return log
