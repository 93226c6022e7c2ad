"""The routing tree: where an incident's messages go, and at what intervals. Modelled on Prometheus Alertmanager."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from stormpetrel.alerting.matching import matches, mismatch
from stormpetrel.core.events import AlertRule, GroupBy, Incident, QuietHours, Route

GROUP_WAIT = timedelta(seconds=1)
GROUP_INTERVAL = timedelta(minutes=5)
REPEAT_INTERVAL = timedelta(hours=4)


@dataclass(frozen=True)
class Policy:
    """How a route tells: what its nodes state, from the top down.

    `group_wait` goes before the first message of a group, `group_interval` between any two of its messages, and
    `repeat_interval` before a message without news.
    """

    receivers: tuple[str, ...] = ()
    group_by: GroupBy = "admin1"
    group_wait: timedelta = GROUP_WAIT
    group_interval: timedelta = GROUP_INTERVAL
    repeat_interval: timedelta = REPEAT_INTERVAL
    quiet_hours: QuietHours | None = None

    def below(self, route: Route) -> Policy:
        """The policy of a node under this one."""
        return Policy(
            route.receivers or self.receivers,
            route.group_by or self.group_by,
            _stated(route.group_wait_s, self.group_wait),
            _stated(route.group_interval_s, self.group_interval),
            _stated(route.repeat_interval_s, self.repeat_interval),
            route.quiet_hours or self.quiet_hours,
        )


@dataclass(frozen=True)
class Destination:
    """One receiver of an incident. `path` names the route within its rule: `0.2` is the third child of the first."""

    rule: AlertRule
    path: str
    receiver: str
    policy: Policy


def destinations(rule: AlertRule, incident: Incident) -> list[Destination]:
    """Where a rule sends an incident; each receiver once for each route that is reached."""
    if not matches(rule.route.matchers, incident):
        return []
    return [
        Destination(rule, path, receiver, policy)
        for path, policy in _reached(rule.route, incident, "", Policy())
        for receiver in dict.fromkeys(policy.receivers)
    ]


def every_route(rule: AlertRule) -> dict[str, Policy]:
    """The policy of each route of a rule, by its path."""
    return dict(_all_below(rule.route, "", Policy()))


def why_not(rule: AlertRule, incident: Incident) -> str | None:
    """Why a rule does not tell of an incident; None where it does."""
    return mismatch(rule.route.matchers, incident)


def _reached(route: Route, incident: Incident, path: str, above: Policy) -> Iterator[tuple[str, Policy]]:
    policy, is_taken = above.below(route), False
    for number, child in enumerate(route.routes):
        if matches(child.matchers, incident):
            is_taken = True
            yield from _reached(child, incident, _child_path(path, number), policy)
            if not child.continues:
                break
    if not is_taken and policy.receivers:
        yield path, policy


def _all_below(route: Route, path: str, above: Policy) -> Iterator[tuple[str, Policy]]:
    policy = above.below(route)
    yield path, policy
    for number, child in enumerate(route.routes):
        yield from _all_below(child, _child_path(path, number), policy)


def _child_path(path: str, number: int) -> str:
    return f"{path}.{number}" if path else str(number)


def _stated(seconds: float | None, inherited: timedelta) -> timedelta:
    return inherited if seconds is None else timedelta(seconds=seconds)
