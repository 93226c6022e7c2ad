"""A real Apache Kafka without Docker: one KRaft node from Maven Central, as a child process."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from stormpetrel.core.errors import SetupError

POM = Path(__file__).with_name("pom.xml")
JAVA_FLAGS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
WHERE_JAVA = (
    "Install a JDK of version 17 or later and Maven (Debian: apt-get install openjdk-17-jdk-headless maven; "
    "macOS: brew install openjdk maven), or point STORMPETREL_KAFKA__BOOTSTRAP to your own broker."
)


def require_java(with_maven: bool = True) -> None:
    """Raises SetupError, saying what to install, where the machine has no JDK or no Maven."""
    for command, name in (("java", "a Java runtime"), ("mvn", "Maven"))[: 2 if with_maven else 1]:
        if shutil.which(command) is None:
            raise SetupError(f"the local Kafka broker needs {name}: `{command}` is not on the PATH. {WHERE_JAVA}")
    if subprocess.run(["java", "-version"], capture_output=True, check=False).returncode != 0:
        raise SetupError(f"`java -version` fails: the Java on the PATH is broken. {WHERE_JAVA}")


def fetch_libraries(cache: Path) -> Path:
    """The folder with the broker's jars; downloaded by Maven the first time, all of them or none."""
    libraries = cache / "kafka"
    if (libraries / ".complete").exists():
        require_java(with_maven=False)
        return libraries
    require_java()
    shutil.rmtree(libraries, ignore_errors=True)
    libraries.mkdir(parents=True)
    shutil.copy(POM, libraries / "pom.xml")
    pom = str(libraries / "pom.xml")
    command = ["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={libraries.resolve()}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SetupError(f"Maven could not download Apache Kafka:\n{(result.stdout + result.stderr)[-1500:]}")
    (libraries / ".complete").touch()
    return libraries


def properties(data: Path, port: int, controller_port: int) -> dict[str, str]:
    """Settings of a one-node broker that keeps what it acknowledged and restarts in seconds."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data.resolve()),
        # One node holds every internal topic: with more replicas than nodes no group could ever form.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "auto.create.topics.enable": "false",
        # The cleaner's default buffer of 128 MB does not fit in the heap.
        "log.cleaner.dedupe.buffer.size": "16777216",
        # After a kill the controller waits for the old session: 5 s with these, 13 s without.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
    }


def broker_command(cache: Path, directory: Path, port: int, controller_port: int) -> list[str]:
    """Formats the broker's folder the first time, and returns the command that starts it."""
    libraries = fetch_libraries(cache)
    data = directory / "kafka"
    data.mkdir(parents=True, exist_ok=True)
    file = directory / "kafka.properties"
    lines = properties(data, port, controller_port)
    file.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    java = ["java", *JAVA_FLAGS, "-cp", f"{libraries.resolve()}/*"]
    if not (data / "meta.properties").exists():
        # An id that begins with a hyphen is read as an option: one start in 64 would fail.
        cluster_id = "-"
        while cluster_id.startswith("-"):
            cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*java, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(file), "--ignore-formatted"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise SetupError(
                f"the broker's folder {data} could not be formatted:\n{(result.stdout + result.stderr)[-1500:]}"
            )
    return [*java, "kafka.Kafka", str(file)]
