"""Settings of people's data: how authors are named, and for how long posts are kept."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from stormpetrel.core.security_settings import Section


class Privacy(Section):
    """How authors are named. `author_key` is the key of their names; none: the one in `key_file`, or in `author.key` of
    `local.directory`, which is made on first use. With `links` posts keep the addresses of their pages."""

    author_key: SecretStr | None = Field(None, min_length=32)
    key_file: Path | None = None
    links: bool = False


class Retention(Section):
    """For how long the stores keep posts after they came in (none: for ever), and how often the index consumer looks.
    Topics have their own: `kafka.topics`."""

    posts_days: float | None = Field(365.0, gt=0, le=20_000)
    sweep_every_s: float = Field(600.0, gt=0)
