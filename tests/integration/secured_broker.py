"""A broker of the local stack that takes SASL over TLS alone: its certificate is made by the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from stormpetrel.core.security_settings import KafkaSecurity
from stormpetrel.core.settings import Kafka, Settings
from stormpetrel.local.broker import broker_command
from stormpetrel.local.stack import Part, Stack, free_port
from stormpetrel.log.admin import broker_answers

USER, PASSWORD = "stormpetrel", "the broker's password"
PLAIN_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule"


def secured_properties(port: int, controller_port: int, key_store: Path, ca_file: Path) -> dict[str, str]:
    """What the local broker's properties need so that SASL_SSL is the one way in."""
    login = f'{PLAIN_LOGIN} required username="{USER}" password="{PASSWORD}" user_{USER}="{PASSWORD}";'
    return {
        "listeners": f"SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"SASL_SSL://127.0.0.1:{port}",
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "SASL_SSL",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": login,
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{SCRAM_LOGIN} required;",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(key_store),
        "ssl.truststore.type": "PEM",  # the broker connects to itself once, to see whether its certificate holds
        "ssl.truststore.location": str(ca_file),
    }


@contextmanager
def secured_broker(directory: Path, cache: Path) -> Iterator[Kafka]:
    """The settings of a running broker, for clients that log in with PLAIN."""
    authority = trustme.CA()
    ca_file, key_store = directory / "ca.pem", directory / "broker.pem"
    authority.cert_pem.write_to_path(ca_file)
    certificate = authority.issue_cert("127.0.0.1")
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    # Java reads keys in PKCS #8 alone.
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_store.write_bytes(key.private_bytes(*form) + b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    port, controller_port = free_port(), free_port()
    security = KafkaSecurity(
        protocol="SASL_SSL", mechanism="PLAIN", user=USER, password=SecretStr(PASSWORD), ca_file=ca_file
    )
    kafka = Settings().kafka.model_copy(update={"bootstrap": f"127.0.0.1:{port}", "security": security})
    command = broker_command(cache, directory, port, controller_port)
    with (directory / "kafka.properties").open("a") as file:  # of two lines with one name, the last holds
        properties = secured_properties(port, controller_port, key_store, ca_file)
        file.writelines(f"\n{name}={value}" for name, value in properties.items())
    with Stack(directory, print) as stack:
        stack.start(Part("kafka", command, lambda: broker_answers(kafka), patience_s=90))
        yield kafka
