"""Receivers as the operator describes them, in a file of their own: their addresses and secrets are in no event.

Rules name receivers. `stream` and `cap` are always there, unless the file has others of these names.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import Field, SecretStr, TypeAdapter, ValidationError, field_validator, model_validator

from stormpetrel.alerting.languages import Language
from stormpetrel.core.errors import SetupError
from stormpetrel.core.events import ReceiverName
from stormpetrel.core.security_settings import Section

Address = Annotated[str, Field(pattern=r"^[^\s@<>,]+@[^\s@<>,]+$", max_length=320)]
CapWord = Annotated[str, Field(pattern=r"^[^\s,<>&]+$", max_length=200)]  # CAP 1.2, 3.2.1: no space, comma, < or &


class _Named(Section):
    """What all receivers have. `template` is a file in place of the language's own template."""

    name: ReceiverName
    language: Language = "en"
    template: Path | None = None


class WebhookSettings(_Named):
    """Messages by POST in the form of Standard Webhooks. `secret` is base64 of 24 to 64 random bytes, with
    `whsec_` before it or without."""

    channel: Literal["webhook"]
    url: Annotated[str, Field(max_length=2_000)]
    secret: SecretStr

    @field_validator("url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("the address is not https://host/path; give one, without a user or password in it")
        return url

    @field_validator("secret")
    @classmethod
    def _is_long_enough(cls, secret: SecretStr) -> SecretStr:
        remedy = "make one with: openssl rand -base64 32"
        try:
            key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"the secret is no base64; {remedy}") from None
        if not 24 <= len(key) <= 64:
            raise ValueError(f"the secret has not 24 to 64 bytes; {remedy}")
        return secret


class Smtp(Section):
    """The mail server. `starttls` encrypts before the password is sent, `tls` from the first byte, `none` never."""

    host: str
    port: int = Field(587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: SecretStr | None = None
    timeout_s: float = Field(20.0, gt=0, le=120)

    @model_validator(mode="after")
    def _keeps_its_password(self) -> Self:
        if self.password is not None and self.security == "none":
            raise ValueError("the password would go in the clear; set security to starttls or tls")
        return self


class EmailSettings(_Named):
    """Messages by e-mail, one mail an incident, in one thread an incident."""

    channel: Literal["email"]
    sender: Address
    to: Annotated[tuple[Address, ...], Field(min_length=1, max_length=100)]
    smtp: Smtp


class CapSettings(_Named):
    """Messages as CAP 1.2 alerts in the Atom feed of the API. `sender` names who alerts, `languages` are the blocks of
    each alert. A restricted scope says to whom in `restriction`."""

    channel: Literal["cap"]
    sender: CapWord = "stormpetrel@localhost"
    sender_name: Annotated[str, Field(min_length=1, max_length=200)] = "Stormpetrel"
    status: Literal["Actual", "Exercise", "System", "Test", "Draft"] = "Actual"
    scope: Literal["Public", "Restricted"] = "Restricted"
    restriction: Annotated[str, Field(max_length=500)] = "Teams that watch floods: found automatically, not verified"
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=6)] = ("en",)


class StreamSettings(_Named):
    """Messages to those who listen at the API, by server-sent events or WebSocket."""

    channel: Literal["stream"]


class AppriseSettings(_Named):
    """Messages to chat and phones by an Apprise address (`ntfys://...`), one a receiver. The address is secret."""

    channel: Literal["apprise"]
    address: SecretStr


ReceiverSettings = Annotated[
    WebhookSettings | EmailSettings | CapSettings | StreamSettings | AppriseSettings, Field(discriminator="channel")
]
_FILE: TypeAdapter[tuple[ReceiverSettings, ...]] = TypeAdapter(tuple[ReceiverSettings, ...])
ALWAYS_THERE: tuple[ReceiverSettings, ...] = (
    StreamSettings(name="stream", channel="stream"),
    CapSettings(name="cap", channel="cap"),
)


def read_receivers(file: Path | None) -> dict[str, ReceiverSettings]:
    """The receivers of a file by name, with those that are always there. Raises SetupError with the remedy; no secret
    is in its text."""
    stated = _FILE.validate_python(()) if file is None else _read(file)
    names = [receiver.name for receiver in stated]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise SetupError(f"{file} has several receivers called {', '.join(sorted(doubled))}; give each its own name")
    return {receiver.name: receiver for receiver in (*ALWAYS_THERE, *stated)}


def _read(file: Path) -> tuple[ReceiverSettings, ...]:
    remedy = "see config/alerting.example.yaml"
    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(f"the file of receivers cannot be read: {error}; set alerting.receivers") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SetupError(f"{file} is no YAML: {_first_line(error)}; {remedy}") from None
    if not isinstance(content, dict) or set(content) != {"receivers"} or not isinstance(content["receivers"], list):
        raise SetupError(f"{file} needs one list, `receivers`; {remedy}")
    try:
        return _FILE.validate_python(content["receivers"])
    except ValidationError as error:
        raise SetupError("; ".join(_faults(file, content["receivers"], error))) from None


def _faults(file: Path, entries: list[Any], error: ValidationError) -> list[str]:
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        number, *path = fault["loc"]
        entry = entries[int(number)]
        name = entry.get("name", number) if isinstance(entry, dict) else number
        field = ".".join(str(part) for part in path[1:]) or "channel"
        faults.append(f"{file}, receiver {name}, {field}: {fault['msg'].removeprefix('Value error, ')}")
    return faults


def _first_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}" if mark is not None else "it has no readable characters"
