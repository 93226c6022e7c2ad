"""The command line: every command is explained, exit codes mean something, `--json` is JSON, help is light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import typer
from typer.testing import CliRunner

from stormpetrel.cli import build_app, main
from stormpetrel.cli.results import cell_name
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer

NOWHERE = {"STORMPETREL_KAFKA__BOOTSTRAP": "127.0.0.1:9", "STORMPETREL_API__PORT": "9"}
# Processes run until they are stopped; the demo and the benchmarks report in their own way.
WITHOUT_JSON = {"demo", "up", "worker", "serve", "bench", "consume", "local", "sources run"}
RESPONSE = {
    "total": 12,
    "fusion": "tensor_min",
    "empty_modalities": ["visual"],
    "unavailable": {"concepts": "no model"},
    "lists": {
        "text": {"measure": "cosine similarity", "hits": 200, "model": "all-MiniLM-L6-v2@1"},
        "space": {"measure": "minus kilometres", "hits": 57, "model": "great-circle-h3@1"},
        "time": {"measure": "minus seconds", "hits": 200, "model": "clock@1"},
    },
    "hits": [
        {
            "post_id": "x:1",
            "patch_id": None,
            "rank": 1,
            "score": 3.0,
            "ranks": {"text": {"rank": 1, "score": 0.8123}, "space": {"rank": 2, "score": -2.4}},
            "best_pair": ["space", "text"],
            "decided_by": [],
            "relevance": 0.4,
            "duplicate_count": 2,
            "post": {
                "clean_text": "strade allagate a Genova",
                "places": [
                    {"name": "Genova", "kind": "city", "latitude": 44.41, "longitude": 8.93, "confidence": 0.92}
                ],
            },
        }
    ],
}


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


def test_every_command_with_a_result_prints_it_as_json_on_request() -> None:
    for path, command in commands(typer.main.get_command(build_app())):
        name = path.removeprefix("stormpetrel ")
        if not hasattr(command, "commands") and not {name, name.split()[0]} & WITHOUT_JSON:
            assert "--json" in {option for parameter in command.params for option in parameter.opts}, path


def test_help_imports_neither_a_model_nor_a_server_nor_a_settings_library() -> None:
    heavy = ("numpy", "pydantic", "httpx", "rich.table", "onnxruntime", "fastapi", "faust", "rasterio")
    code = f"import sys; import stormpetrel.cli as c; c.build_app(); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_topics_are_listed_as_json() -> None:
    rows = json.loads(run("topics", "list", "--json").stdout)
    assert {"topic": "posts.raw", "key": "post_id", "partitions": 12, "kept_days": 7} in rows


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("search", "flood"), 1, "no API answers"),
        (("search", "flood", "--near", "8.93"), 2, "--near takes longitude,latitude"),
        (("dead", "list", "posts"), 2, "there are: posts.raw, posts.backfill, posts.enriched"),
        (("sources", "run", "x"), 2, "STORMPETREL_X__BEARER_TOKEN"),
        (("sources", "run", "usenet"), 2, "no live source is called 'usenet'; there are: live, bluesky, mastodon"),
        (("sources", "replay", "/nowhere"), 2, "does not exist"),
        (("nonsense",), 2, "No such command"),
    ],
)
def test_failures_have_an_exit_code_and_say_what_to_do(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = run(*arguments, **NOWHERE)
    assert done.returncode == code, done.stderr
    assert message in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr and not done.stdout


def test_a_broker_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("stormpetrel.log.admin.TIMEOUT_S", 1)
    monkeypatch.setattr(sys, "argv", ["stormpetrel", "topics", "apply"])
    monkeypatch.setenv("STORMPETREL_KAFKA__BOOTSTRAP", NOWHERE["STORMPETREL_KAFKA__BOOTSTRAP"])
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "no Kafka broker answers at 127.0.0.1:9" in " ".join(capsys.readouterr().err.split())


def test_without_java_the_stack_says_what_to_install(tmp_path: Path) -> None:
    done = run("doctor", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "openjdk-17" in done.stderr


def test_a_missing_model_is_reported_with_its_remedy(tmp_path: Path) -> None:
    done = run("model", "check", STORMPETREL_CACHE=str(tmp_path))
    assert done.returncode == 1
    assert "model export" in done.stderr


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `stormpetrel search` against an API that gives the response above."""
    reply = httpx.Response(200, json=RESPONSE, request=httpx.Request("POST", "http://api"))
    monkeypatch.setattr(httpx, "post", lambda *_, **__: reply)
    return lambda *arguments: CliRunner().invoke(build_app(), ["search", "flood", *arguments])


def test_search_explains_a_hit_in_words(search: Any) -> None:
    assert search("--why", "1").stdout.splitlines() == [
        "Hit 1 of 12: x:1, score 3, fused by tensor_min",
        "  “strade allagate a Genova”",
        "  text: rank 1 of 200, cosine similarity 0.812 (by all-MiniLM-L6-v2@1)",
        "  space: rank 2 of 57, 2.4 km away (by great-circle-h3@1)",
        "  time: not among its 200 hits",
        "  visual: found nothing for this query",
        "  concepts: unavailable, no model",
        "  decided by space and text: no other pair of modalities ranks it better than 2 and 1",
        "  answers the query with a probability of 40%",
        "  2 other posts repeat it (near-duplicates)",
        "  names Genova (city) at 44.410° N, 8.930° E, 92% sure",
    ]
    explanation = json.loads(search("--why", "1", "--json").stdout)
    assert explanation["hit"] == RESPONSE["hits"][0] and len(explanation["why"]) == 11  # type: ignore[index]


def test_search_shows_a_table_and_refuses_to_explain_a_hit_that_is_not_there(search: Any) -> None:
    shown = search().stdout
    assert "strade allagate a Genova" in shown and "cosine" not in shown
    assert json.loads(search("--json").stdout) == RESPONSE
    assert "there is no hit 2 to explain" in str(search("--why", "2").exception)


def test_cells_are_named_by_the_nearest_town(gazetteer: Gazetteer) -> None:
    assert cell_name("851f9b0bfffffff/2025-11-04", gazetteer) == "Genoa, Italy, 2025-11-04"
    assert cell_name("file:without-a-place", gazetteer) == "file:without-a-place"


def test_progress_is_never_wrapped(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from stormpetrel.cli import console

    url = "http://127.0.0.1:8765/v1/maps/png?" + "&".join(f"labels=water-bodies-{n}" for n in range(20))
    monkeypatch.setattr(console, "ERROR", Console(stderr=True, width=40))
    console.say(f"its map: {url}")
    captured = capsys.readouterr()
    assert url in captured.err and not captured.out
