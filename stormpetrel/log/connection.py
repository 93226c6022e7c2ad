"""How every Kafka client of this project reaches the broker. Security of clients belongs here and nowhere else."""

from __future__ import annotations

import ssl
from typing import Any

from stormpetrel.core.errors import SetupError
from stormpetrel.core.security_settings import KafkaSecurity
from stormpetrel.core.settings import Kafka

TIMEOUT_S = 30  # for an answer of the broker to a question about topics, offsets or groups


def _ignore(_: Any) -> None:
    """Takes librdkafka's messages about lost connections; what matters comes back as an error of the call."""


def client_configuration(kafka: Kafka, **more: Any) -> dict[str, Any]:
    """librdkafka's configuration for the configured broker, with `more` of its properties (`_` stands for `.`).

    Raises SetupError where the settings of its security do not fit together.
    """
    properties = {name.replace("_", "."): value for name, value in more.items()}
    security = _security_properties(_checked(kafka.security))
    # A connection that swallows bytes is given up after 10 s; librdkafka waits for 60.
    patience = {"socket.timeout.ms": 10_000, "socket.keepalive.enable": True}
    # A broker is back in seconds; librdkafka would double its wait up to 10.
    patience["reconnect.backoff.max.ms"] = 1_000
    fixed = {"bootstrap.servers": kafka.bootstrap, "error_cb": _ignore, "log_level": 2}
    return {**fixed, **patience, **security, **properties}


def _checked(security: KafkaSecurity) -> KafkaSecurity:
    """Raises SetupError, saying what to set, where something is missing."""
    if security.authenticates and not (security.user and security.password):
        raise SetupError(f"{security.protocol} needs a user: set kafka.security.user and kafka.security.password")
    if not security.encrypts and security.ca_file:
        raise SetupError(
            f"kafka.security.ca_file is of no use with {security.protocol}: set protocol to SASL_SSL or SSL"
        )
    for name in ("ca_file", "certificate_file", "key_file"):
        if (file := getattr(security, name)) and not file.is_file():
            raise SetupError(f"kafka.security.{name}: there is no file {file}")
    return security


def _security_properties(security: KafkaSecurity) -> dict[str, Any]:
    properties: dict[str, Any] = {"security.protocol": security.protocol}
    if security.authenticates and security.password:
        properties |= {"sasl.mechanism": security.mechanism, "sasl.username": security.user}
        properties["sasl.password"] = security.password.get_secret_value()
    files = {
        "ssl.ca.location": security.ca_file,
        "ssl.certificate.location": security.certificate_file,
        "ssl.key.location": security.key_file,
    }
    properties |= {name: str(file) for name, file in files.items() if file and security.encrypts}
    if security.key_password and security.encrypts:
        properties["ssl.key.password"] = security.key_password.get_secret_value()
    return properties


def faust_credentials(kafka: Kafka) -> Any:
    """The same for Faust's clients; None where the broker asks for nothing. Raises SetupError as above."""
    import faust

    security = _checked(kafka.security)
    context = None
    if security.encrypts:
        context = ssl.create_default_context(cafile=str(security.ca_file) if security.ca_file else None)
        if security.certificate_file:
            password = security.key_password.get_secret_value() if security.key_password else None
            context.load_cert_chain(security.certificate_file, security.key_file, password)
    if security.authenticates and security.password:
        login = {"username": security.user, "password": security.password.get_secret_value()}
        return faust.SASLCredentials(**login, ssl_context=context, mechanism=security.mechanism)
    return faust.SSLCredentials(context) if context else None


def faust_brokers(kafka: Kafka) -> list[str]:
    """The configured broker as Faust takes it."""
    return [f"kafka://{address}" for address in kafka.bootstrap.split(",")]
