"""How every Kafka client of this project reaches the broker. Security of clients belongs here and nowhere else."""

from __future__ import annotations

from typing import Any

from stormpetrel.core.settings import Kafka

TIMEOUT_S = 30  # for an answer of the broker to a question about topics, offsets or groups


def _ignore(_: Any) -> None:
    """Takes librdkafka's messages about lost connections; what matters comes back as an error of the call."""


def client_configuration(kafka: Kafka, **more: Any) -> dict[str, Any]:
    """librdkafka's configuration for the configured broker, with `more` of its properties (`_` stands for `.`)."""
    properties = {name.replace("_", "."): value for name, value in more.items()}
    # A connection that swallows bytes is given up after 10 s; librdkafka waits for 60.
    patience = {"socket.timeout.ms": 10_000, "socket.keepalive.enable": True}
    return {"bootstrap.servers": kafka.bootstrap, "error_cb": _ignore, "log_level": 2, **patience, **properties}


def faust_brokers(kafka: Kafka) -> list[str]:
    """The configured broker as Faust takes it."""
    return [f"kafka://{address}" for address in kafka.bootstrap.split(",")]
