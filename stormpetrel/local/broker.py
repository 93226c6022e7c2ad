"""A real Apache Kafka without Docker: one KRaft node from Maven Central, as a child process."""

from __future__ import annotations

import os
import shutil
import subprocess
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
    _run(command, "Maven could not download Apache Kafka")
    (libraries / ".complete").touch()
    return libraries


def _run(command: list[str], problem: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SetupError(f"{problem}:\n{(result.stdout + result.stderr)[-1500:]}")


def broker_command(cache: Path, directory: Path, port: int, controller_port: int) -> list[str]:
    """Formats the broker's folder the first time, and returns the command that starts it."""
    libraries = fetch_libraries(cache)
    data = directory / "kafka"
    data.mkdir(parents=True, exist_ok=True)
    file = directory / "kafka.properties"
    template = Path(__file__).with_name("broker.properties").read_text()
    file.write_text(template.format(data=data.resolve(), port=port, controller_port=controller_port))
    java = ["java", *JAVA_FLAGS, "-cp", f"{libraries.resolve()}/*"]
    if not (data / "meta.properties").exists():
        # The first byte is 0: an id that begins with a hyphen is read as an option, and one start in 64 would fail.
        cluster_id = urlsafe_b64encode(bytes(1) + os.urandom(15)).decode().rstrip("=")
        command = [*java, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(file), "--ignore-formatted"]
        _run(command, f"the broker's folder {data} could not be formatted")
    return [*java, "kafka.Kafka", str(file)]
