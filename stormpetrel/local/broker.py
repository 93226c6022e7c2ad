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
    "macOS: brew install openjdk maven), or point STORMPETREL_KAFKA__BOOTSTRAP to a broker of yours."
)


def require_java(with_maven: bool = True) -> None:
    """Raises SetupError, saying what to install, where the machine has no JDK or no Maven."""
    for command, what in (("java", "a Java runtime"), ("mvn", "Maven"))[: 2 if with_maven else 1]:
        if shutil.which(command) is None:
            raise SetupError(f"the local Kafka broker needs {what}: `{command}` is not on the PATH. {WHERE_JAVA}")
    if subprocess.run(["java", "-version"], capture_output=True, check=False).returncode != 0:
        raise SetupError(f"`java -version` fails: the Java on the PATH does not run. {WHERE_JAVA}")


def fetch_libraries(cache: Path) -> Path:
    """The folder with the broker's jars; brought by Maven the first time, whole or not at all."""
    libraries = cache / "kafka"
    if (libraries / ".whole").exists():
        require_java(with_maven=False)
        return libraries
    require_java()
    shutil.rmtree(libraries, ignore_errors=True)
    libraries.mkdir(parents=True)
    shutil.copy(POM, libraries / "pom.xml")
    command = [
        "mvn",
        "-q",
        "-B",
        "-f",
        str(libraries / "pom.xml"),
        "dependency:copy-dependencies",
        f"-DoutputDirectory={libraries.resolve()}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"Maven could not bring Apache Kafka:\n{(done.stdout + done.stderr)[-1500:]}")
    (libraries / ".whole").touch()
    return libraries


def properties(data: Path, port: int, controller_port: int) -> dict[str, str]:
    """Settings of a one-node broker that keeps what it acknowledged and starts again in seconds."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data.resolve()),
        # One node holds every internal topic: more replicas than nodes and no group could ever form.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "auto.create.topics.enable": "false",
        # The cleaner's default buffer of 128 MB is more than the whole heap leaves.
        "log.cleaner.dedupe.buffer.size": "16777216",
        # After a kill the controller waits for the old session: 5 s with these, 13 s without.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
    }


def prepare(cache: Path, directory: Path, port: int, controller_port: int) -> list[str]:
    """Formats the broker's folder the first time, and returns the command that starts it."""
    libraries = fetch_libraries(cache)
    data = directory / "kafka"
    data.mkdir(parents=True, exist_ok=True)
    file = directory / "kafka.properties"
    lines = properties(data, port, controller_port)
    file.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    java = ["java", *JAVA_FLAGS, "-cp", f"{libraries.resolve()}/*"]
    if not (data / "meta.properties").exists():
        # One that begins with a hyphen is taken for an option: one start in 64 would fail.
        cluster = "-"
        while cluster.startswith("-"):
            cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(file), "--ignore-formatted"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SetupError(
                f"the broker's folder {data} could not be formatted:\n{(done.stdout + done.stderr)[-1500:]}"
            )
    return [*java, "kafka.Kafka", str(file)]
