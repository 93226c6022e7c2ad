"""The three servers of the local stack as parts: Kafka, the document store, the vector index."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from stormpetrel.core.errors import SetupError
from stormpetrel.core.settings import Settings
from stormpetrel.local.broker import broker_command
from stormpetrel.local.stack import Part, answers, port_is_free, this_python
from stormpetrel.log.admin import broker_answers


def server_parts(settings: Settings) -> list[Part]:
    """Broker, document store and vector index on the ports of `settings.local`; their data are under its folder.

    Raises SetupError where a port is taken or Java is missing.
    """
    local = settings.local
    data = local.directory.resolve()
    data.mkdir(parents=True, exist_ok=True)
    for name in ("kafka", "kafka_controller", "mongo", "qdrant"):
        if not port_is_free(port := getattr(local, f"{name}_port")):
            raise SetupError(
                f"port {port} is taken: another process listens where the local {name} should. Stop it "
                f"(`make down` stops what a demo left), or choose another: STORMPETREL_LOCAL__{name.upper()}_PORT"
            )
    broker = broker_command(settings.cache, data, local.kafka_port, local.kafka_controller_port)
    vectors = this_python("local", "vectors", "--directory", str(data / "vectors"), "--port", str(local.qdrant_port))
    return [
        Part("kafka", broker, lambda: broker_answers(settings.local_kafka), patience_s=90),
        Part(
            "mongo",
            _document_server(data, local.mongo_port, settings.mongo.database),
            lambda: answers(local.mongo_port),
        ),
        Part("qdrant", vectors, lambda: answers(local.qdrant_port)),
    ]


def documents_folder(data: Path, database: str) -> Path:
    """The folder with a file for each database: in one file they would see each other's collections. The one file of
    earlier releases becomes the file of this database."""
    folder = data / "documents"
    if not folder.exists():
        folder.mkdir(parents=True)
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                (data / f"documents.db{suffix}").rename(folder / f"{database}.db{suffix}")
    return folder


def _document_server(data: Path, port: int, database: str) -> list[str]:
    program = Path(sys.executable).with_name("nx-27017")
    if not program.exists():
        raise SetupError("the local document store is not installed: pip install 'stormpetrel[local]'")
    log_file, pid_file = data / "logs/mongo.log", data / "mongo.pid"
    folder = documents_folder(data, database)
    arguments = {"--data-dir": folder, "-p": port, "--log-file": log_file, "--pid-file": pid_file}
    return [str(program), *(str(part) for pair in arguments.items() for part in pair)]


def local_addresses(settings: Settings) -> dict[str, str]:
    """The variables that point every process to the local stack."""
    local = settings.local
    return {
        "STORMPETREL_KAFKA__BOOTSTRAP": f"127.0.0.1:{local.kafka_port}",
        "STORMPETREL_KAFKA__SECURITY__PROTOCOL": "PLAINTEXT",  # the local broker asks for nothing
        "STORMPETREL_MONGO__URL": f"mongodb://127.0.0.1:{local.mongo_port}",
        "STORMPETREL_QDRANT__URL": f"http://127.0.0.1:{local.qdrant_port}",
        "STORMPETREL_CACHE": str(settings.cache.resolve()),
    }
