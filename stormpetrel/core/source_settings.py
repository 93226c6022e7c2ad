"""The settings of the live sources of posts and of official signals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from stormpetrel.core.security_settings import Section

Network = Literal["bluesky", "mastodon", "x"]
RuleTag = Annotated[str, Field(min_length=1, max_length=200)]
RuleValue = Annotated[str, Field(min_length=1, max_length=4096)]  # X takes 1,024 characters, of some accounts more
Share = Annotated[float, Field(ge=0, le=1)]


class X(Section):
    """X's filtered stream. `rules`, by their tags, are brought onto the account; without any, the account's stay.
    `backfill` is how what a break missed is asked for: X's search, the stream itself (Enterprise access), or not at
    all. With `compliance` the streams of deletions are read too (Enterprise access)."""

    bearer_token: SecretStr | None = None
    api_url: str = "https://api.x.com"
    rules: dict[RuleTag, RuleValue] = Field(default_factory=dict, max_length=1000)
    backfill: Literal["search", "stream", "none"] = "search"
    compliance: bool = False
    silence_s: float = Field(30.0, gt=0)
    probe_port: int = Field(6068, ge=0)


class Bluesky(Section):
    """Bluesky's Jetstream. `hosts` are tried one after the other. `collections` are what is asked for. With
    `zstd_dictionary`, Jetstream's own dictionary file, a third of the bytes come. `silence_s` is after how long without
    a word the connection counts as dead."""

    hosts: tuple[str, ...] = (
        "wss://jetstream1.us-east.bsky.network",
        "wss://jetstream2.us-east.bsky.network",
        "wss://jetstream1.us-west.bsky.network",
        "wss://jetstream2.us-west.bsky.network",
    )
    collections: tuple[str, ...] = ("app.bsky.feed.post",)
    zstd_dictionary: Path | None = None
    silence_s: float = Field(30.0, gt=0)


class Mastodon(Section):
    """Mastodon's servers. Hashtags are read from each server's timelines every `every_s` without a token. With a token
    of `tokens`, by the server's name, they are streamed, and so are all `public` posts where asked for."""

    servers: tuple[str, ...] = ("mastodon.social", "mastodon.online", "mstdn.social")
    hashtags: tuple[str, ...] = ("flood", "flooding", "alluvione", "inundaciones", "hochwasser", "inondation")
    public: bool = False
    tokens: dict[str, SecretStr] = Field(default_factory=dict)
    every_s: float = Field(30.0, gt=0)
    silence_s: float = Field(45.0, gt=0)


class Feeds(Section):
    """Feeds of official signals: RSS or Atom (GDACS among them), or CAP. Each is read every `every_s`; one larger than
    `largest_mb` is refused."""

    addresses: tuple[str, ...] = ("https://www.gdacs.org/xml/rss.xml",)
    every_s: float = Field(60.0, gt=0)
    largest_mb: float = Field(10.0, gt=0, le=100)


class Gate(Section):
    """What of the `networks` is let through: posts that may be about a crisis by their words and, in the worker, by
    their meaning (unless `relevance` is false). A post with one of your `words` always passes. Posts in languages
    without a word list pass where `unread_languages`. Of the dropped, `sampled_share` go to posts.dropped with their
    text."""

    networks: tuple[Network, ...] = ("bluesky", "mastodon")
    words: tuple[str, ...] = ()
    relevance: bool = True
    unread_languages: bool = True
    sampled_share: Share = 0.01


class Sources(Section):
    """The live sources. What was read is on Kafka, and its position stored, within `commit_every_s`. A source that is
    away is tried again after at most `longest_wait_s`. `recent` is how many posts are remembered, so that none that
    comes again is published twice."""

    bluesky: Bluesky = Bluesky()
    mastodon: Mastodon = Mastodon()
    feeds: Feeds = Feeds()
    gate: Gate = Gate()
    commit_every_s: float = Field(0.5, gt=0, le=60)
    longest_wait_s: float = Field(60.0, gt=0, le=3600)
    recent: int = Field(50_000, ge=1000, le=5_000_000)
    probe_port: int = Field(6074, ge=0)
