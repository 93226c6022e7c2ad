"""What describes photos, where they are fetched from, and where they are kept: the part of the settings on photos."""

from __future__ import annotations

from pydantic import Field

from stormpetrel.core.security_settings import Section


class VisualModel(Section):
    name: str = "descriptor"
    threads: int | None = Field(None, ge=1)


class Photos(Section):
    """Photos are fetched over HTTPS from `hosts` alone (`*.example.org` for all names below, `*` for every public
    host), and from `private_hosts` (host or host:port), servers of your own that may have private addresses and do
    without TLS; `data:` URLs need none. `within_s` is how long one may take, `give_up_after_h` how long one that does
    not come is tried again. `store` is a folder, or s3://bucket/prefix at `s3_endpoint`."""

    hosts: tuple[str, ...] = (
        "pbs.twimg.com",
        "cdn.bsky.app",
        "*.mastodon.social",
        "*.mastodon.online",
        "*.mstdn.social",
    )
    private_hosts: tuple[str, ...] = ()
    within_s: float = Field(5.0, gt=0, le=60)
    most_per_post: int = Field(10, ge=1, le=100)
    give_up_after_h: float = Field(6.0, gt=0, le=144)
    store: str = ".stormpetrel/photos"
    s3_endpoint: str | None = None
    batch: int = Field(32, ge=1, le=500)
    probe_port: int = Field(6073, ge=0)
