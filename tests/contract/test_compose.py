"""docker-compose.yml, read by podman-compose: one service each, health checks, limits, and commands that tests run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from stormpetrel.cli import build_app
from stormpetrel.core.settings import Settings
from stormpetrel.stores import mongo, qdrant

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ("topics", "worker", "index", "scenes", "api", "files", "catalogue", "x")
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
        "scenes": settings.imagery.probe_port,
        "catalogue": settings.catalogue.probe_port,
    }
    for name, port in ports.items():
        assert f"127.0.0.1:{port}/" in services[name]["healthcheck"]["test"][-1]


def test_the_image_holds_all_packages_and_binds_to_the_outside() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for package in ("stormpetrel", "streams", "consumers", "api", "config", "locks"):
        assert f"COPY {package} {package}" in dockerfile
    assert "STORMPETREL_PROBE_HOST=0.0.0.0" in dockerfile
    assert "STORMPETREL_API__HOST=0.0.0.0" in dockerfile
