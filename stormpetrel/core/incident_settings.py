"""Settings of how incidents are found, and of how they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from stormpetrel.core.security_settings import Section


class Alerting(Section):
    """How incidents are told. `receivers` is the file that describes who is told, with their addresses and secrets.
    `public_url` is where receivers reach the API. Webhooks of `private_hosts` (host or host:port) may have private
    addresses and do without TLS. `every_s` is how often intervals are looked at.
    `most_at_once` is how many messages are on their way to one receiver."""

    receivers: Path | None = None
    public_url: str = Field("http://127.0.0.1:8000", pattern="^https?://[^/]+")
    private_hosts: tuple[str, ...] = ()
    every_s: float = Field(0.2, gt=0, le=10)
    most_at_once: int = Field(4, ge=1, le=100)
    probe_port: int = Field(6071, ge=0)

    @field_validator("receivers", mode="before")
    @classmethod
    def _empty_is_none(cls, file: object) -> object:
        return file or None  # as compose sets it where nothing is set


KindName = Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]


class Detection(Section):
    """How incidents are found. `directory` keeps a snapshot of the detector's state, so that a restart is quick;
    `snapshot_every_s` is how often it is written. `label_kinds` are labels of posts that a team teaches by examples,
    each with the kind of event that it stands for."""

    directory: Path = Path(".stormpetrel/detector")
    snapshot_every_s: float = Field(10.0, gt=0, le=3600)
    label_kinds: dict[str, KindName] = Field(default_factory=dict)
    probe_port: int = Field(6072, ge=0)
