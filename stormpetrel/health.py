"""What every process tells about itself: /healthz (it lives), /readyz (it can work), /metrics, and its log."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

POSTS_TAKEN = Counter("stormpetrel_posts_taken_total", "Posts read from a source", ["source", "outcome"])
POSTS_ENRICHED = Counter("stormpetrel_posts_enriched_total", "Posts through the enrich processor", ["outcome"])
ENRICH_SECONDS = Histogram("stormpetrel_enrich_batch_seconds", "Time of one micro-batch of the enrich processor")
POSTS_INDEXED = Counter("stormpetrel_posts_indexed_total", "Posts written to both stores", ["outcome"])
INDEX_SECONDS = Histogram("stormpetrel_index_batch_seconds", "Time of one bulk write to both stores")
LABELS_LEARNED = Counter("stormpetrel_labels_learned_total", "Annotations through the learn processor")
SCENES = Counter("stormpetrel_scenes_total", "Products through the scenes consumer", ["outcome"])
PRODUCTS_TOLD = Counter("stormpetrel_products_told_total", "Notices read from a catalogue", ["source", "outcome"])
SCENE_SECONDS = Histogram(
    "stormpetrel_scene_seconds", "Time of one scene, from its files to its events",
    buckets=(1, 2, 5, 10, 20, 40, 80, 160, 320),
)  # fmt: skip
LAST_PROGRESS = Gauge("stormpetrel_last_progress_timestamp_seconds", "When this process last finished a batch")
SEARCH_SECONDS = Histogram(
    "stormpetrel_search_seconds", "Time of one search, by part", ["part"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)  # fmt: skip


class Readiness:
    """Whether a process can do its work. `why` says what it waits for, or nothing once it is ready."""

    def __init__(self, waiting_for: str) -> None:
        self.why: str | None = waiting_for
        self._beat = time.monotonic()
        self._patience_s: float | None = None

    def ready(self) -> None:
        self.why = None

    def waits_for(self, what: str) -> None:
        self.why = what

    def beat(self, patience_s: float = 60.0) -> None:
        """The main loop is alive. If it does not beat again within `patience_s`, /healthz fails.

        Kafka consumers have been seen to fall silent after a rebalance; a silent process must not look well.
        """
        self._beat, self._patience_s = time.monotonic(), patience_s

    def silent_for(self) -> float | None:
        """Seconds since the last beat where that is longer than promised."""
        silence = time.monotonic() - self._beat
        return silence if self._patience_s is not None and silence > self._patience_s else None


def serve_probes(port: int, readiness: Readiness, host: str) -> ThreadingHTTPServer:
    """Answers the three addresses from a thread of its own until the process ends. Port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path == "/metrics":
                self._answer(200, generate_latest(), CONTENT_TYPE_LATEST)
            elif path == "/healthz":
                silence = readiness.silent_for()
                state = {"status": "ok"} if silence is None else {"status": f"silent for {silence:.0f} s"}
                self._answer(200 if silence is None else 503, orjson.dumps(state), "application/json")
            elif path == "/readyz":
                why = readiness.why
                state = {"status": "ready"} if why is None else {"status": "waiting", "for": why}
                self._answer(200 if why is None else 503, orjson.dumps(state), "application/json")
            else:
                self._answer(404, b'{"status":"unknown address"}', "application/json")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every few seconds; they are not news."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
    return server


def set_up_log(process: str, level: int = logging.INFO) -> None:
    """Lines for people on a terminal, JSON anywhere else; the standard library's loggers too."""
    render: Callable[..., object] = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    before = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*before, render],  # type: ignore[list-item]
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.clear_contextvars()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=render, foreign_pre_chain=before))  # type: ignore[arg-type]
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    structlog.get_logger().info("starting", process=process)
