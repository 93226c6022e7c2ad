"""Who is told of which incidents: the routing trees of teams, and silences."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from stormpetrel.core.cells import is_cell
from stormpetrel.core.events.bounds import EventKind, JsonObject, Key, Moment, Name, Several, Share
from stormpetrel.core.events.incidents import IncidentId, IncidentState, Severity, Verdict
from stormpetrel.core.events.values import Event, Frozen

GroupBy = Literal["incident", "admin1", "country", "rule"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

RuleId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
ReceiverName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
SilenceId = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Person = Annotated[Key, Field(min_length=1, max_length=120)]
Words = Annotated[str, Field(min_length=1, max_length=2_000)]
Seconds = Annotated[float, Field(ge=0, le=30 * 86_400)]
DayTime = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", description="HH:MM")]
DEEPEST_ROUTE = 8
ADMIN_CODE = re.compile(r"[A-Z]{2}(\.[A-Za-z0-9]{1,20})?")
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"no time zone is called {name!r}; give an IANA name, such as Europe/Rome") from error
    return name


def _area(area: dict[str, Any]) -> dict[str, Any]:
    from stormpetrel.core.areas import polygon_of  # shapely, which readers of other events do without

    polygon_of(area)
    return area


def _cell(cell: str) -> str:
    if not is_cell(cell):
        raise ValueError(f"{cell!r} is no H3 cell; give 15 hexadecimal digits, as 851f9b0bfffffff")
    return cell


def _admin_code(code: str) -> str:
    if not ADMIN_CODE.fullmatch(code):
        raise ValueError(
            f"{code!r} is no country (IT) and no first division (IT.08); give one of these, or the area as GeoJSON"
        )
    return code


AdminCode = Annotated[Key, AfterValidator(_admin_code)]
Area = Annotated[JsonObject, AfterValidator(_area), Field(description="GeoJSON Polygon or MultiPolygon, lon and lat")]


class Matchers(Frozen):
    """Which incidents are meant: every part that is stated must hold, and a part holds where one of its values does.

    `area`, `admin_codes` (a country such as `IT`, or a first division such as `IT.08`) and `cells` (H3, of any
    resolution) are one part: an incident is inside where any of them touches it. `languages` are those of its posts.
    """

    area: Area | None = None
    admin_codes: Several[AdminCode] = ()
    cells: Several[Annotated[str, Field(pattern="^[0-9a-f]{15}$"), AfterValidator(_cell)]] = ()
    everywhere: bool = False
    kinds: Several[EventKind] = ()
    states: Several[IncidentState] = ()
    verdicts: Several[Verdict] = ()
    min_severity: Severity | None = None
    min_confidence: Share | None = None
    languages: Several[Key] = ()
    incident_ids: Several[IncidentId] = ()

    @property
    def names_an_area(self) -> bool:
        return self.area is not None or bool(self.admin_codes or self.cells)

    @property
    def states_nothing(self) -> bool:
        return self == Matchers()

    @model_validator(mode="after")
    def check_area(self) -> Self:
        if self.everywhere and self.names_an_area:
            raise ValueError("it names an area and says `everywhere`; give one of the two")
        return self


class QuietHours(Frozen):
    """When nothing is told: from `start` to `end` of the zone's own clock, over midnight where `end` is not later, on
    nights and days that begin on one of `days`. Incidents of `override_severity` or more are told nevertheless."""

    timezone: Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]
    start: DayTime
    end: DayTime
    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)] = WEEK
    override_severity: Severity = "severe"


class Route(Frozen):
    """A node of a routing tree. What it does not state it inherits from the node above.

    An incident that matches goes down to the first child that matches too, and on to the next ones where that child
    `continues`; where no child matches, it is told to the node's own `receivers`. Intervals are seconds.
    """

    matchers: Matchers = Matchers()
    receivers: Annotated[tuple[ReceiverName, ...], Field(max_length=50)] = ()
    group_by: GroupBy | None = None
    group_wait_s: Seconds | None = None
    group_interval_s: Seconds | None = None
    repeat_interval_s: Annotated[Seconds, Field(ge=60)] | None = None
    quiet_hours: QuietHours | None = None
    continues: bool = False
    routes: Annotated[tuple[Route, ...], Field(max_length=100)] = ()

    def depth(self) -> int:
        """How many nodes its longest branch has."""
        return 1 + max((child.depth() for child in self.routes), default=0)

    def receivers_below(self) -> set[str]:
        """The receivers that it and all nodes below name."""
        return set(self.receivers).union(*(child.receivers_below() for child in self.routes))


class AlertRule(Event):
    """A routing tree of one team (topic `rules`, key `rule_id`). Rules know nothing of one another: an incident goes
    down every rule that it matches. `most_per_hour` is how many messages of the rule leave in an hour; what goes beyond
    is muted, and told when the hour allows."""

    rule_id: RuleId
    title: Annotated[Name, Field(min_length=1, max_length=200)]
    route: Route
    most_per_hour: Annotated[int, Field(ge=1, le=10_000)] | None = None
    author: Person
    changed_at: Moment

    @model_validator(mode="after")
    def check(self) -> Self:
        if not (self.route.matchers.names_an_area or self.route.matchers.everywhere):
            raise ValueError(
                "the rule names no area; give route.matchers an area, admin_codes or cells, or `everywhere: true`"
            )
        if self.route.depth() > DEEPEST_ROUTE:
            raise ValueError(f"its routes are nested more than {DEEPEST_ROUTE} deep; flatten them")
        if not self.route.receivers and not all(_is_told(child) for child in self.route.routes):
            raise ValueError("a route has no receiver; name one in it, or in a route above it")
        if not self.route.receivers_below():
            raise ValueError("the rule has no receiver; name one in route.receivers")
        return self


def _is_told(route: Route) -> bool:
    return bool(route.receivers) or (bool(route.routes) and all(map(_is_told, route.routes)))


class AlertRuleDeleted(Event):
    """A rule tells nobody any more (topic `rules`, key `rule_id`)."""

    rule_id: RuleId
    author: Person
    deleted_at: Moment


class Silence(Event):
    """Nothing is told of the incidents that match (topic `silences`, key `silence_id`).

    It holds until `ends_at`. Without that it holds until closed: `matchers.incident_ids` are then the incidents that it
    was made for, and of each it holds until that incident is closed.
    """

    silence_id: SilenceId
    matchers: Matchers
    author: Person
    reason: Words
    created_at: Moment
    starts_at: Moment
    ends_at: Moment | None = None

    @model_validator(mode="after")
    def check(self) -> Self:
        if self.matchers.states_nothing:
            raise ValueError("the silence names nothing; give what it matches, or `everywhere: true`")
        if self.ends_at is None and not self.matchers.incident_ids:
            raise ValueError("a silence until closed names its incidents; give matchers.incident_ids, or ends_at")
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            raise ValueError("the silence ends before it starts; give a later ends_at")
        return self


class SilenceEnded(Event):
    """A silence was ended before its time (topic `silences`, key `silence_id`)."""

    silence_id: SilenceId
    author: Person
    ended_at: Moment
