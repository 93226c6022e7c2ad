"""docker-compose.yml, read by podman-compose: one service each, health checks, limits, and commands that tests run."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from stormpetrel.cli import build_app
from stormpetrel.core.settings import Settings
from stormpetrel.stores import mongo, qdrant

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ("topics", "worker", "index", "photos", "scenes", "detect", "notify", "api", "live", "files", "catalogue", "x")
SERVERS = ("kafka", "mongo", "qdrant")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    program = Path(sys.executable).with_name("podman-compose")
    # `config` needs no engine, but podman-compose runs it for its version: any program will do.
    profiles = [word for name in ("x", "files", "catalogue") for word in ("--profile", name)]
    arguments = ["--podman-path", sys.executable, "-f", str(ROOT / "docker-compose.yml"), *profiles, "config"]
    command = [str(program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return services


def test_every_process_is_a_service_of_its_own(services: dict[str, Any]) -> None:
    assert set(services) == {*OURS, *SERVERS}


def test_every_service_has_limits_and_every_lasting_one_a_health_check(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        if name not in ("topics", "files"):
            assert service["healthcheck"]["test"][0] == "CMD", name
    for name in SERVERS:
        assert any(str(volume).startswith(f"{name}:/") for volume in services[name]["volumes"]), name


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_of_the_command_line(services: dict[str, Any], name: str) -> None:
    words = [word for word in services[name]["command"] if not word.startswith(("-", "/")) and word != "1"]
    arguments = words[:2] if words[0] in ("topics", "consume", "sources") else words[:1]
    result = CliRunner().invoke(build_app(), [*arguments, "--help"])
    assert result.exit_code == 0, result.output


def test_the_addresses_are_settings_and_the_probes_are_the_ports_that_we_serve(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in services["worker"]["environment"].items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.kafka.bootstrap == "kafka:19092"
    assert mongo.MongoStore(settings.mongo.url, settings.mongo.database)
    assert qdrant.QdrantIndex(settings.qdrant.url)
    ports = {
        "worker": settings.worker.probe_port,
        "index": settings.index.probe_port,
        "api": settings.api.port,
        "x": settings.x.probe_port,
        "live": settings.sources.probe_port,
        "scenes": settings.imagery.probe_port,
        "notify": settings.alerting.probe_port,
        "detect": settings.detection.probe_port,
        "photos": settings.photos.probe_port,
        "catalogue": settings.catalogue.probe_port,
    }
    for name, port in ports.items():
        assert services[name]["healthcheck"]["test"][-2] == str(port)


# What was measured, in GiB (docs/figures.md, docs/decisions): limits below it kill what works.
MEASURED = {"qdrant": 2.4, "api": 1.15, "scenes": 2.9, "worker": 0.6}


def test_limits_are_above_what_was_measured(services: dict[str, Any]) -> None:
    for name, measured in MEASURED.items():
        limit = services[name]["deploy"]["resources"]["limits"]["memory"]
        assert limit.endswith("g") and float(limit[:-1]) >= 1.3 * measured, name


def test_no_probe_starts_a_shell_or_a_jvm(services: dict[str, Any]) -> None:
    for name, service in services.items():
        program = service.get("healthcheck", {}).get("test", ["CMD", "none"])[1]
        assert program in ("python", "perl", "nc", "none"), f"{name}: {program}"


def _answering(status: str) -> tuple[socket.socket, int]:
    """A server that answers one request."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(f"HTTP/1.0 {status}\r\n\r\n".encode())
            connection.close()

    threading.Thread(target=answer, daemon=True).start()
    return server, server.getsockname()[1]


@pytest.mark.parametrize(("status", "code"), [("200 OK", 0), ("503 Service Unavailable", 1)])
@pytest.mark.parametrize("name", ["qdrant", "worker"])
def test_a_probe_sees_what_the_server_says(services: dict[str, Any], name: str, status: str, code: int) -> None:
    test = services[name]["healthcheck"]["test"][1:]
    if shutil.which(test[0]) is None:
        pytest.skip(f"no {test[0]} on this machine")
    server, port = _answering(status)
    command = [part.replace("6333", str(port)).replace("6066", str(port)).replace("$$", "$") for part in test]
    command[0] = sys.executable if command[0] == "python" else command[0]
    with server:
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == code
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 1, "nobody listens"


def test_the_image_holds_all_packages_and_binds_to_the_outside() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for package in ("stormpetrel", "streams", "consumers", "api", "config", "locks"):
        assert f"COPY {package} {package}" in dockerfile
    assert "STORMPETREL_PROBE_HOST=0.0.0.0" in dockerfile
    assert "STORMPETREL_API__HOST=0.0.0.0" in dockerfile
