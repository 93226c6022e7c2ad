"""X's API v2 filtered stream: posts that match the account's rules, with authors, photos and places.

The position is an id, since X's ids hold the time: of the newest post, or of the moment up to which the stream was
heard. What was missed between two connections is asked for by the stream's own back-fill or by X's search.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

import orjson

from consumers.sources.live_source import Disconnected, Gap, Message, Position
from consumers.sources.x_backfill import XBackfill
from consumers.sources.x_connection import KEEP_ALIVE, XConnection, XWaits
from consumers.sources.x_rules import AccountRules
from consumers.sources.x_time import first_id_at, moment_of
from stormpetrel.core.clock import now
from stormpetrel.core.errors import SetupError
from stormpetrel.core.source_settings import X

# X leaves these out unless they are requested; the normaliser reads all of them.
FIELDS = {
    "expansions": "author_id,geo.place_id,attachments.media_keys,referenced_tweets.id",
    "tweet.fields": "created_at,lang,geo,referenced_tweets,attachments,note_tweet",
    "user.fields": "location",
    "place.fields": "full_name,geo,country_code,place_type",
    "media.fields": "url,preview_image_url,type,alt_text",
}
SEARCH_FIELDS = {name.replace(".", "_"): value for name, value in FIELDS.items()}  # by tweepy's names
MOST_AT_ONCE = 500
LATE = timedelta(seconds=30)  # X hands a post on so much after it was made, at the most
STREAMS_REACH = timedelta(minutes=5)  # of the stream's own back-fill


def bearer_token(settings: X) -> str:
    """Raises SetupError where there is none."""
    if not settings.bearer_token:
        raise SetupError("the X stream needs a bearer token of a paid tier: set STORMPETREL_X__BEARER_TOKEN")
    return settings.bearer_token.get_secret_value()


class XSource:
    """A LiveSource of the filtered stream. Before its first connection the account's rules are brought into step."""

    name = "x"

    def __init__(self, settings: X, waits: XWaits | None = None) -> None:
        self._settings, self._token = settings, bearer_token(settings)
        self.silence_s = settings.silence_s
        self._waits, self._rules = waits or XWaits(), AccountRules(settings, self._token)
        self._in_step = False
        self._connection: XConnection | None = None
        self._backfill: XBackfill | None = None
        self._broken: Disconnected | None = None
        self._reached_id = 0  # what the stream has brought
        self._position_id = 0  # what the position may say: not before the back-fill is done
        self._gaps: list[Gap] = []

    def connect(self, position: str | None) -> None:
        if not self._in_step:
            self._rules.apply()
            self._in_step = True
        self._reached_id = self._position_id = int(position) if position else 0
        self._backfill = None
        minutes = self._minutes_missed() if position else None
        connection = XConnection(self._settings.api_url, self._token, self._waits)
        connection.open("search", FIELDS | ({"backfill_minutes": str(minutes)} if minutes else {}))
        self._connection = connection
        if position and minutes is None:
            self._ask_for_missed()

    def _minutes_missed(self) -> int | None:
        """How much the stream itself is asked for; None where it does not give it."""
        away = now() - moment_of(self._position_id) + LATE
        is_within = self._settings.backfill == "stream" and away <= STREAMS_REACH
        return max(1, ceil(away / timedelta(minutes=1))) if is_within else None

    def _ask_for_missed(self) -> None:
        """Has what the stream does not give come by search, or says that it is missing."""
        since = moment_of(self._position_id)
        if self._settings.backfill == "none":
            self._gaps.append(Gap(since, now(), "x.backfill is none: what came meanwhile was not asked for"))
            return
        rules = self._rules.standing()
        self._backfill = XBackfill(self._settings.api_url, self._token, rules, first_id_at(since - LATE), SEARCH_FIELDS)

    def read(self, timeout_s: float) -> Sequence[Message]:
        if self._broken is not None:
            raise self._broken
        if self._connection is None:
            raise Disconnected("not connected")
        messages = self._backfilled()
        for line in self._connection.waiting(0.0 if messages else timeout_s, MOST_AT_ONCE):
            if isinstance(line, Disconnected):
                self._broken = line
                break
            messages += self._taken(line)
        if not messages and self._broken is not None:
            raise self._broken  # what came before the break was returned first: the position counts it
        if self._backfill is None:
            self._position_id = self._reached_id
        return messages

    def _backfilled(self) -> list[Message]:
        if self._backfill is None:
            return []
        messages = self._backfill.next_page()
        self._gaps += self._backfill.gaps
        self._backfill.gaps.clear()
        if self._backfill.is_done:
            self._backfill = None
        return messages

    def _taken(self, line: bytes) -> list[Message]:
        if line == KEEP_ALIVE:  # everything before it has been heard
            self._reached_id = max(self._reached_id, first_id_at(now() - LATE))
            return []
        self._reached_id = max(self._reached_id, _post_id(line))
        return [Message(line, "x/filtered_stream")]

    @property
    def position(self) -> Position | None:
        return Position(str(self._position_id), moment_of(self._position_id)) if self._position_id else None

    @property
    def heard_at(self) -> float:
        return self._connection.heard_at if self._connection else 0.0

    def gap(self) -> Gap | None:
        return self._gaps.pop(0) if self._gaps else None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        self._broken = self._backfill = None
        if connection is not None:
            connection.leave()


def _post_id(line: bytes) -> int:
    """The number of the post's id; 0 where it has none of X's, which the publisher finds too."""
    try:
        identifier = int(orjson.loads(line)["data"]["id"])
    except (ValueError, TypeError, KeyError, IndexError):
        return 0
    # An id of the future would skip what comes until then.
    return identifier if 0 < identifier < first_id_at(now() + LATE) else 0
