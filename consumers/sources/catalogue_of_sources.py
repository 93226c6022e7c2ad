"""Which live sources there are, what each one needs, and how it is opened from the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from consumers.sources.live_source import LiveSource
from stormpetrel.core.errors import SetupError
from stormpetrel.core.settings import Settings

Opening = Callable[[], LiveSource]  # makes a source anew, as after a start
LIVE = "live"  # the name for all that need no key


@dataclass(frozen=True)
class SourceKind:
    """A network: what one gets from it, what it needs, and whether it has that by the settings."""

    name: str
    gets: str
    needs: str
    needs_key: bool
    is_set_up: Callable[[Settings], bool]
    openings: Callable[[Settings], Sequence[Opening]]


def _bluesky(settings: Settings) -> Sequence[Opening]:
    from consumers.sources.bluesky import BlueskySource

    return [partial(BlueskySource, settings.sources.bluesky)]


def _mastodon(settings: Settings) -> Sequence[Opening]:
    from consumers.sources.mastodon import MastodonSource

    return [partial(MastodonSource, server, settings.sources.mastodon) for server in settings.sources.mastodon.servers]


def _x(settings: Settings) -> Sequence[Opening]:
    from consumers.sources.x import XSource
    from consumers.sources.x_compliance import PARTITIONS, XComplianceSource

    partitions = PARTITIONS if settings.x.compliance else ()
    return [
        partial(XSource, settings.x),
        *(partial(XComplianceSource, settings.x, partition) for partition in partitions),
    ]


def _feeds(settings: Settings) -> Sequence[Opening]:
    from consumers.sources.feeds import FeedSource

    return [partial(FeedSource, address, settings.sources.feeds) for address in settings.sources.feeds.addresses]


KINDS = (
    SourceKind(
        "bluesky",
        "every public post and deletion, within seconds",
        "no key",
        False,
        lambda settings: bool(settings.sources.bluesky.hosts),
        _bluesky,
    ),
    SourceKind(
        "mastodon",
        "posts with your hashtags from several servers; with a token streamed, with deletions",
        "no key; streams: a token of each server in sources.mastodon.tokens",
        False,
        lambda settings: bool(settings.sources.mastodon.servers),
        _mastodon,
    ),
    SourceKind(
        "feeds",
        "official signals of RSS, Atom and CAP feeds, GDACS first, on the topic signals",
        "no key",
        False,
        lambda settings: bool(settings.sources.feeds.addresses),
        _feeds,
    ),
    SourceKind(
        "x",
        "posts that match the rules of your account's filtered stream",
        "a bearer token of a paid tier in x.bearer_token",
        True,
        lambda settings: settings.x.bearer_token is not None,
        _x,
    ),
)


def openings(settings: Settings, name: str) -> list[Opening]:
    """What makes the sources of a name, or with `live` all that need no key. Raises SetupError for an unknown one."""
    if name == LIVE:
        kinds = [kind for kind in KINDS if not kind.needs_key and kind.is_set_up(settings)]
    else:
        kinds = [kind for kind in KINDS if kind.name == name]
    found = [opening for kind in kinds for opening in kind.openings(settings)]
    if not found:
        known = ", ".join([LIVE, *(kind.name for kind in KINDS)])
        raise SetupError(f"no live source is called {name!r}, or it is not set up; there are: {known}")
    return found
