"""What the rules of X's filtered stream matched while it was not read, by X's search over the last seven days.

A post comes in the same form as on the stream. X has the newest first; the order on the log does not matter.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
import tweepy

from consumers.sources.live_source import Gap, Message
from consumers.sources.x_connection import sent_on, until_reset_s
from consumers.sources.x_rules import Rule
from consumers.sources.x_time import first_id_at, moment_of
from stormpetrel.core.clock import now

REACH = timedelta(days=7) - timedelta(minutes=5)  # X's seven days, and a little for the clocks
PAGE = 100  # posts; X gives no more at a time
MOST_PAGES = 50  # of one rule: each costs of the account's monthly posts
LIMITED_S = 60.0


class XBackfill:
    """Asks rule by rule and page by page. `is_done` once all was handed on; `gaps` has what could not be had."""

    def __init__(
        self, address: str, bearer_token: str, rules: Sequence[Rule], since_id: int, fields: Mapping[str, str]
    ) -> None:
        client = tweepy.Client(bearer_token, return_type=dict)
        self._client, self._fields = sent_on(client, address), dict(fields)
        self.gaps: list[Gap] = []
        self._since_id = self._within_reach(since_id)
        self._pages = self._all_pages(rules)
        self._ask_at = 0.0
        self.is_done = False

    def _within_reach(self, since_id: int) -> int:
        earliest = first_id_at(now() - REACH)
        if since_id < earliest:
            self.gaps.append(Gap(moment_of(since_id), moment_of(earliest), "X's search reaches back seven days"))
        return max(since_id, earliest)

    def next_page(self) -> list[Message]:
        """The posts of the next page; none while X's limit of questions is reached."""
        if self.is_done or time.monotonic() < self._ask_at:
            return []
        page = next(self._pages, None)
        self.is_done = page is None
        return page or []

    def _all_pages(self, rules: Sequence[Rule]) -> Iterator[list[Message]]:
        for rule in rules:
            token: str | None = None
            for _ in range(MOST_PAGES):
                while (answer := self._ask(rule, token)) is None:
                    yield []
                yield list(_messages(answer, rule))
                token = (answer.get("meta") or {}).get("next_token")
                if token is None:
                    break
            else:
                self._miss(rule, f"more than {MOST_PAGES * PAGE} posts matched it")

    def _ask(self, rule: Rule, token: str | None) -> dict[str, Any] | None:
        """One page; None where the limit of questions is reached."""
        paging = {"next_token": token} if token else {}
        try:
            answer: dict[str, Any] = self._client.search_recent_tweets(
                rule.value, since_id=self._since_id, max_results=PAGE, **paging, **self._fields
            )
            return answer
        except (tweepy.TooManyRequests, tweepy.TwitterServerError, OSError) as error:
            headers = error.response.headers if isinstance(error, tweepy.HTTPException) else {}
            wait_s = until_reset_s(headers, time.time()) or LIMITED_S
            self._ask_at = time.monotonic() + wait_s
            return None
        except (tweepy.TweepyException, ValueError) as error:
            self._miss(rule, f"X's search does not take it: {error}")
            return {}

    def _miss(self, rule: Rule, reason: str) -> None:
        self.gaps.append(Gap(moment_of(self._since_id), now(), f"the rule {rule.tag or rule.value!r}: {reason}"))


def _messages(page: Mapping[str, Any], rule: Rule) -> Iterator[Message]:
    """Each post by itself, as the stream would have sent it: a faulty one costs no other."""
    matched = [{"id": rule.rule_id, "tag": rule.tag}]
    for post in page.get("data") or []:
        envelope = {"data": post, "includes": page.get("includes") or {}, "matching_rules": matched}
        yield Message(orjson.dumps(envelope), "x/search")
