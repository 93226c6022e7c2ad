"""The rules of an account's filtered stream, kept in step with those of the settings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
import tweepy

from consumers.sources.live_source import Disconnected, Refused
from consumers.sources.x_connection import REFUSALS, sent_on, until_reset_s
from stormpetrel.core.source_settings import X

log = structlog.get_logger()
LIMITED_S = 60.0


@dataclass(frozen=True)
class Rule:
    """A rule: what it matches, in X's own language, and the tag that its posts carry. `rule_id` is X's own."""

    tag: str
    value: str
    rule_id: str = ""


@dataclass(frozen=True)
class RuleChanges:
    """What brings the account into step. What is neither added nor deleted stays."""

    add: Sequence[Rule]
    delete: Sequence[Rule]
    keep: Sequence[Rule]


def changes_between(wanted: Mapping[str, str], account: Sequence[Rule]) -> RuleChanges:
    """Without any wanted rule the account's are left as they are.

    >>> changes_between({"floods": "flood OR inundacion"}, [Rule("old", "flood", "17")]).delete
    [Rule(tag='old', value='flood', rule_id='17')]
    """
    if not wanted:
        return RuleChanges([], [], account)
    keep = [rule for rule in account if wanted.get(rule.tag) == rule.value]
    kept = {rule.tag for rule in keep}
    add = [Rule(tag, value) for tag, value in wanted.items() if tag not in kept]
    return RuleChanges(add, [rule for rule in account if rule not in keep], keep)


class AccountRules:
    """The rules that stand on the account of a token."""

    def __init__(self, settings: X, bearer_token: str) -> None:
        client = tweepy.StreamingClient(bearer_token, return_type=dict)
        self._wanted, self._client = settings.rules, sent_on(client, settings.api_url)

    def standing(self) -> list[Rule]:
        """Those of the account now. Raises Disconnected or Refused."""
        answer = self._asked(lambda: self._client.get_rules())
        rules = answer.get("data") or []
        return [Rule(str(rule.get("tag") or ""), str(rule["value"]), str(rule["id"])) for rule in rules]

    def changes(self) -> RuleChanges:
        """What `apply` would do. Raises Disconnected or Refused."""
        return changes_between(self._wanted, self.standing())

    def apply(self) -> RuleChanges:
        """Brings the account into step, and returns what was changed. New rules are checked by X before any old one is
        deleted; old ones go first, since X takes no second rule of the same value. Raises Disconnected or Refused."""
        changes = self.changes()
        new = [tweepy.StreamRule(value=rule.value, tag=rule.tag) for rule in changes.add]
        if new:
            self._check_each(self._asked(lambda: self._client.add_rules(new, dry_run=True)))
        if changes.delete:
            self._asked(lambda: self._client.delete_rules([rule.rule_id for rule in changes.delete]))
        if new:
            self._check_each(self._asked(lambda: self._client.add_rules(new)))
        for done, rules in (("added", changes.add), ("deleted", changes.delete)):
            for rule in rules:
                log.info("a rule of X's filtered stream", done=done, tag=rule.tag, rule=rule.value)
        return changes

    @staticmethod
    def _check_each(answer: dict[str, Any]) -> None:
        """Raises Refused where X does not take one of the rules. One that stands there already is no fault."""
        for error in answer.get("errors") or []:
            if error.get("title") != "DuplicateRule":
                details = error.get("details") or [error.get("detail") or error.get("title")]
                reason = "; ".join(map(str, details))
                raise Refused(f"X does not take the rule {error.get('value', '')!r} of x.rules: {reason}")

    def _asked(self, question: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = question()
            return answer
        except (tweepy.Unauthorized, tweepy.Forbidden) as error:
            raise Refused(REFUSALS[error.response.status_code]) from error
        except tweepy.BadRequest as error:
            self._check_each(error.response.json())
            raise Refused(f"X does not take the rules of x.rules: {error}") from error
        except tweepy.TooManyRequests as error:
            wait_s = until_reset_s(error.response.headers, time.time()) or LIMITED_S
            raise Disconnected("X answers 429 to a question about rules", wait_s) from error
        except (tweepy.TweepyException, OSError, ValueError) as error:
            raise Disconnected(f"X does not answer a question about rules: {error}") from error
