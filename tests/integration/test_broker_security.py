"""Every Kafka client of the project, Faust's included, against a broker that takes SASL over TLS alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from pydantic import SecretStr

from stormpetrel.core.clock import now
from stormpetrel.core.errors import SetupError, StoreUnavailable
from stormpetrel.core.events import PostDeleted
from stormpetrel.core.security_settings import KafkaSecurity
from stormpetrel.core.settings import Kafka, Settings
from stormpetrel.core.topics import AUDIT, POSTS_ENRICHED, POSTS_RAW, all_topics
from stormpetrel.local.stack import Part, Stack, free_port, this_python
from stormpetrel.log import OutgoingRecord, Record
from stormpetrel.log.admin import apply_topics, broker_answers
from stormpetrel.log.connection import client_configuration
from stormpetrel.log.consumer import KafkaConsumer
from stormpetrel.log.lag import GroupOffsets
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.log.topic_reader import KafkaTopicReader
from streams.app import build_app
from streams.batch_agent import attach, sender
from tests.integration.running import wait_until
from tests.integration.secured_broker import secured_broker

pytestmark = pytest.mark.integration
SCRAM_USER, SCRAM_PASSWORD = "worker", "another password"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with secured_broker(tmp_path_factory.mktemp("secured"), Settings().cache) as running:
        apply_topics(running, all_topics())
        yield running


def changed(kafka: Kafka, **changes: object) -> Kafka:
    return kafka.model_copy(update={"security": kafka.security.model_copy(update=changes)})


def publish(kafka: Kafka, post_id: str) -> None:
    producer = KafkaProducer(kafka)
    producer.publish(POSTS_RAW, post_id, PostDeleted(post_id=post_id, source="x", deleted_at=now()))
    producer.flush(20)


def keys_on_the_log(kafka: Kafka) -> set[bytes | None]:
    """None of them while the partitions of a topic that was just made have no leader."""
    try:
        return {record.key for record in KafkaTopicReader(kafka).read(POSTS_RAW)}
    except StoreUnavailable:
        return set()


def test_producer_reader_consumer_and_administration_reach_the_broker(kafka: Kafka) -> None:
    publish(kafka, "x:plain")
    wait_until(lambda: b"x:plain" in keys_on_the_log(kafka), 30, "the reader gets the record")
    consumer = KafkaConsumer(kafka, "secured")
    consumer.subscribe([POSTS_RAW.name], lambda: None)
    taken: list[Record] = []
    wait_until(lambda: bool(taken.extend(consumer.consume(10, 0.5)) or taken), 30, "the consumer gets a record")
    consumer.commit(taken)
    consumer.close()
    offsets = GroupOffsets(kafka, "secured")
    assert sum(left.lag for left in offsets.remaining(POSTS_RAW).values()) == 0
    offsets.close()


def test_the_worker_reads_and_writes_with_scram(kafka: Kafka, tmp_path: Path) -> None:
    secret = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    user = UserScramCredentialUpsertion(SCRAM_USER, secret, SCRAM_PASSWORD.encode())
    administration = AdminClient(client_configuration(kafka))
    administration.alter_user_scram_credentials([user])[SCRAM_USER].result(20)
    scram = changed(kafka, mechanism="SCRAM-SHA-512", user=SCRAM_USER, password=SecretStr(SCRAM_PASSWORD))
    publish(scram, "x:scram")
    settings = Settings().model_copy(update={"kafka": scram})

    async def pass_on(records: Sequence[Record]) -> Sequence[OutgoingRecord]:
        return [OutgoingRecord(POSTS_ENRICHED.name, record.key, record.value, record.headers) for record in records]

    async def run_until_passed_on() -> None:
        app = build_app(settings, tmp_path / "faust")
        attach(app, "pass_on", POSTS_RAW, pass_on, sender(app, [POSTS_RAW, POSTS_ENRICHED]), 10, 0.05)
        app.finalize()
        await app.start()
        read = KafkaTopicReader(kafka).read
        for _ in range(60):
            if b"x:scram" in {record.key for record in await asyncio.to_thread(list, read(POSTS_ENRICHED))}:
                break
            await asyncio.sleep(0.5)
        await asyncio.wait_for(app.stop(), 30)

    asyncio.run(run_until_passed_on())
    assert b"x:scram" in {record.key for record in KafkaTopicReader(kafka).read(POSTS_ENRICHED)}


def test_without_encryption_the_password_or_the_right_authority_nobody_gets_in(kafka: Kafka, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    plain = kafka.model_copy(update={"security": KafkaSecurity()})
    refused = [plain, changed(kafka, password=SecretStr("wrong")), changed(kafka, ca_file=stranger)]
    assert [broker_answers(one, timeout_s=3) for one in [*refused, kafka]] == [False, False, False, True]
    with pytest.raises(StoreUnavailable):
        KafkaTopicReader(plain).end_offsets(POSTS_RAW)


def test_settings_that_do_not_fit_together_are_refused_with_the_remedy(tmp_path: Path) -> None:
    kafka = Settings().kafka
    for security, remedy in (
        (KafkaSecurity(protocol="SASL_SSL"), "kafka.security.password"),
        (KafkaSecurity(ca_file=tmp_path), "SASL_SSL or SSL"),
        (KafkaSecurity(protocol="SSL", ca_file=tmp_path / "none.pem"), "there is no file"),
    ):
        with pytest.raises(SetupError, match=remedy):
            client_configuration(kafka.model_copy(update={"security": security}))


def environment_of(kafka: Kafka, **more: str) -> dict[str, str]:
    """The variables that let a process log in to the broker."""
    security = kafka.security
    own = {
        "BOOTSTRAP": kafka.bootstrap,
        "SECURITY__PROTOCOL": security.protocol,
        "SECURITY__MECHANISM": security.mechanism,
        "SECURITY__USER": str(security.user),
        "SECURITY__PASSWORD": security.password.get_secret_value() if security.password else "",
        "SECURITY__CA_FILE": str(security.ca_file),
    }
    return {**{f"STORMPETREL_KAFKA__{name}": value for name, value in own.items()}, **more}


def command(environment: dict[str, str], *arguments: str) -> Any:
    """What a command of ours answers, as JSON."""
    completed = subprocess.run(
        this_python(*arguments, "--json"),
        env={**os.environ, **environment},
        capture_output=True,
        timeout=60,
        check=True,
    )
    return json.loads(completed.stdout)


def test_keys_made_and_revoked_at_the_command_line_hold_in_a_running_api(kafka: Kafka, tmp_path: Path) -> None:
    port = free_port()
    environment = environment_of(kafka, STORMPETREL_API__HOST="0.0.0.0", STORMPETREL_API__PORT=str(port))
    address = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{address}/healthz").status_code == 200
        return False

    def asked(key: str) -> httpx.Response:
        return httpx.get(f"{address}/v1/session", headers={"Authorization": f"Bearer {key}"} if key else {})

    with Stack(tmp_path, print) as stack:
        stack.start(Part("api", this_python("serve"), is_up, environment, patience_s=90))
        printed = [line.strip() for line in stack.log_end("api", 20_000).splitlines() if line.strip().startswith("sp_")]
        assert len(printed) == 1 and asked(printed[0]).json()["name"] == "operator"
        assert asked("").status_code == 401
        made = command(environment, "keys", "add", "ada", "--scope", "read", "--scope", "annotate")
        wait_until(lambda: asked(made["key"]).status_code == 200, 20, "the API knows the new key")
        assert asked(made["key"]).json()["scopes"] == ["annotate", "read"]
        assert {key["name"] for key in command(environment, "keys", "list")} == {"operator", "ada"}
        command(environment, "keys", "revoke", made["key_id"])
        wait_until(lambda: asked(made["key"]).status_code == 401, 20, "the API refuses the revoked key")
        assert [key["name"] for key in command(environment, "keys", "list")] == ["operator"]
        assert made["key"] not in stack.log_end("api", 100_000)
    audited = [record.decode(*AUDIT.events) for record in KafkaTopicReader(kafka).read(AUDIT)]
    assert {event.action for event in audited} == {"keys add", "keys revoke"}
