"""The command line: every command is explained, exit codes mean something, `--json` is JSON, help is light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from stormpetrel.cli import build_app

NOWHERE = {"STORMPETREL_KAFKA__BOOTSTRAP": "127.0.0.1:9", "STORMPETREL_API__PORT": "9"}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stormpetrel.cli", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def commands(group: click.Command, path: str = "stormpetrel") -> Iterator[tuple[str, click.Command]]:
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, f"{path} {name}")


def test_every_command_and_every_option_is_explained() -> None:
    for path, command in commands(typer.main.get_command(build_app())):
        assert (command.help or "").strip(), path
        for parameter in command.params:
            explained = getattr(parameter, "help", None) or parameter.name in ("limit", "directory", "port")
            assert explained, f"{path} {parameter.name}"


def test_help_needs_neither_the_model_nor_a_server_library() -> None:
    heavy = ("numpy", "onnxruntime", "fastapi", "faust", "qdrant_client")
    code = (
        f"import sys; from stormpetrel.cli import build_app as a; a(); print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_topics_are_listed_as_json() -> None:
    rows = json.loads(run("topics", "list", "--json").stdout)
    assert {"topic": "posts.raw", "key": "post_id", "partitions": 12, "kept_days": 7} in rows


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("search", "flood"), 1, "no API answers"),
        (("search", "flood", "--near", "Genova"), 2, "--near takes longitude,latitude"),
        (("dead", "list", "posts"), 2, "there are: posts.raw, posts.enriched"),
        (("topics", "apply"), 1, "no Kafka broker answers at 127.0.0.1:9"),
        (("sources", "run", "x"), 2, "STORMPETREL_X__BEARER_TOKEN"),
        (("sources", "run", "usenet"), 2, "x"),
        (("sources", "replay", "/nowhere"), 2, "does not exist"),
        (("nonsense",), 2, "No such command"),
    ],
)
def test_failures_have_an_exit_code_and_say_what_to_do(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = run(*arguments, **NOWHERE)
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr


def test_without_java_the_stack_says_what_to_install(tmp_path: Path) -> None:
    done = run("doctor", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "openjdk-17" in done.stderr


def test_a_model_that_is_not_there_is_told_with_its_remedy(tmp_path: Path) -> None:
    done = run("model", "check", STORMPETREL_CACHE=str(tmp_path))
    assert done.returncode == 1
    assert "model export" in done.stderr
