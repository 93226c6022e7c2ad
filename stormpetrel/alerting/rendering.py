"""Messages as people read them: a subject and a text in the receiver's language, by a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from urllib.parse import quote

import structlog
from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from stormpetrel.alerting.languages import TEMPLATES, Language, word
from stormpetrel.core.events import AlertedIncident, AlertMessage

log = structlog.get_logger()
LONGEST_SUBJECT = 200
LONGEST_TEXT = 20_000


@dataclass(frozen=True)
class Text:
    """A message in words. `problem` says why the template failed, where this is the plain text in its place."""

    subject: str
    text: str
    problem: str = ""


@dataclass(frozen=True)
class Renderer:
    """Renders messages. `public_url` is the address of the API as receivers reach it; `template` a file in place of the
    language's own, whose first line is the subject."""

    public_url: str
    language: Language = "en"
    template: Path | None = None

    def render(self, message: AlertMessage, incidents: Sequence[AlertedIncident] | None = None) -> Text:
        """A message, or the part of it on these incidents. A template that fails costs its form, never the message."""
        chosen = message.incidents if incidents is None else tuple(incidents)
        file = self.template or TEMPLATES / f"{self.language}.txt.j2"
        try:
            rendered = _template(file).render(message=message, incidents=chosen, **self._functions())
            subject, _, text = rendered.strip().partition("\n")
            if not subject.strip():
                raise ValueError("it renders nothing")
        except Exception as error:  # whatever a template does
            if not isinstance(error, TemplateError | OSError | ValueError):
                log.exception("a template failed", template=str(file))
            problem = f"the template {file.name} failed: {type(error).__name__}: {str(error)[:300]}"
            return Text(*self._plain(message, chosen), problem)
        return Text(_one_line(subject), text.strip()[:LONGEST_TEXT] + "\n")

    def address(self, incident: AlertedIncident) -> str:
        """Where an incident is shown: an absolute address."""
        return f"{self.public_url.rstrip('/')}/v1/incidents/{quote(incident.incident_id, safe='')}"

    def kind(self, incident: AlertedIncident) -> str:
        """The kind of an incident in the receiver's language."""
        return word(self.language, "kinds", incident.kind)

    def _functions(self) -> dict[str, object]:
        parts = {
            "kind": "kinds",
            "state": "states",
            "severity": "severities",
            "reason": "reasons",
            "verdict": "verdicts",
            "level": "levels",
        }
        parts["cause"] = "mutes"
        words = {name: partial(word, self.language, part) for name, part in parts.items()}
        return {**words, "moment": in_words, "percent": _percent, "rate": _rate, "address": self.address}

    def _plain(self, message: AlertMessage, incidents: Sequence[AlertedIncident]) -> tuple[str, str]:
        """English without a template."""
        first = incidents[0]
        subject = f"{word('en', 'reasons', message.reason)}: {word('en', 'kinds', first.kind)}, {first.place}"
        lines = [
            f"{incident.kind}, {incident.place}: {incident.reason}. Probability {_percent(incident.confidence)}, "
            f"severity {incident.severity}, {incident.state}. {incident.why}\n{self.address(incident)}"
            for incident in incidents
        ]
        return _one_line(subject), "\n".join(lines)[:LONGEST_TEXT] + "\n"


def in_words(moment: datetime) -> str:
    """A moment as messages tell it.

    >>> in_words(datetime.fromisoformat("2025-11-04T20:00:00+00:00"))
    '2025-11-04 20:00 UTC'
    """
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _rate(an_hour: float) -> str:
    """Posts an hour, as people read them."""
    return "< 0.01" if 0 < an_hour < 0.01 else f"{an_hour:.3g}" if an_hour < 100 else f"{an_hour:.0f}"


def _one_line(subject: str) -> str:
    """A subject without line breaks, which would be headers of a mail."""
    return " ".join(subject.split())[:LONGEST_SUBJECT]


@cache
def _environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, trim_blocks=False)


@cache
def _template(file: Path) -> Template:
    return _environment().from_string(file.read_text(encoding="utf-8"))
