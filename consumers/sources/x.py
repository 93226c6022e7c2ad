"""X's API v2 filtered stream, live. tweepy handles keep-alives, reconnects and rate limits; posts are handled here."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

import structlog
from tweepy.asynchronous import AsyncStreamingClient
from tweepy.asynchronous.streaming import AsyncBaseStream

from consumers.sources.post_publisher import PostPublisher
from stormpetrel.core.errors import SetupError
from stormpetrel.core.settings import Settings
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.stores.author_key import open_pseudonyms

log = structlog.get_logger()
# X leaves these out unless they are requested; the normaliser reads all of them.
FIELDS = {
    "expansions": "author_id,geo.place_id,attachments.media_keys,referenced_tweets.id",
    "tweet_fields": "created_at,lang,geo,referenced_tweets,attachments,note_tweet",
    "user_fields": "location",
    "place_fields": "full_name,geo,country_code,place_type",
    "media_fields": "url,preview_image_url,type,alt_text",
}
REFUSALS = {401: "the bearer token is refused", 403: "the access tier has no filtered stream", 429: "too many tries"}
FLUSH_EVERY_S = 1.0


class XStream(AsyncStreamingClient):
    """The filtered stream; each line goes to the publisher as the raw bytes that came."""

    def __init__(self, url: str, bearer_token: str, publisher: PostPublisher, readiness: Readiness) -> None:
        super().__init__(bearer_token)
        self._url, self._publisher, self._readiness = url, publisher, readiness
        self.failure: Exception | None = None
        self.received = 0

    async def _connect(self, method: str, endpoint: str, **arguments: Any) -> None:
        # tweepy's address is fixed; this one is a setting, so that a test can stream from this machine.
        headers = {"Authorization": f"Bearer {self.bearer_token}"}
        await AsyncBaseStream._connect(self, method, self._url, headers=headers, **arguments)

    async def on_connect(self) -> None:
        self._readiness.ready()
        log.info("connected to X")

    async def on_data(self, raw_data: bytes) -> None:
        self.received += 1
        self._readiness.beat()
        self._publisher.take(raw_data, f"x:filtered_stream:{self.received}")

    async def on_keep_alive(self) -> None:
        self._readiness.beat()

    async def on_closed(self, resp: Any) -> None:
        log.warning("X closed the stream; connecting again")

    async def on_connection_error(self) -> None:
        self._readiness.waits_for("X: the connection broke")

    async def on_request_error(self, status_code: int) -> None:
        self._readiness.waits_for(f"X answers {status_code}: {REFUSALS.get(status_code, 'see its documentation')}")
        log.warning("X refuses the stream; waiting before the next try", status=status_code)

    async def on_exception(self, exception: Exception) -> None:
        self.failure = exception


async def stream(client: XStream, publisher: PostPublisher) -> None:
    """Streams until cancelled; what came is on Kafka within a second, and on the way out."""
    task = client.filter(**FIELDS)
    loop = asyncio.get_running_loop()
    try:
        while not task.done():
            await asyncio.wait([task], timeout=FLUSH_EVERY_S)
            await loop.run_in_executor(None, publisher.flush)
    finally:
        client.disconnect()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await loop.run_in_executor(None, publisher.flush)
    if client.failure is not None:
        raise client.failure


def run(settings: Settings) -> None:
    """Runs the source until SIGTERM or SIGINT. Raises SetupError where there is no bearer token."""
    if not settings.x.bearer_token:
        raise SetupError("the X stream needs a bearer token of a paid tier: set STORMPETREL_X__BEARER_TOKEN")
    set_up_log("source x")
    readiness = Readiness("the connection to X")
    serve_probes(settings.x.probe_port, readiness, settings.probe_host)
    publisher = PostPublisher(KafkaProducer(settings.kafka), "x", pseudonyms=open_pseudonyms(settings))
    client = XStream(settings.x.stream_url, settings.x.bearer_token.get_secret_value(), publisher, readiness)

    async def until_signal() -> None:
        streaming = asyncio.ensure_future(stream(client, publisher))
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, streaming.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await streaming

    asyncio.run(until_signal())
