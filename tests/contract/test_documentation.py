"""The documentation is whole: every setting, route, topic and command has its row, no row is out of date, links lead
somewhere, and the first page stays short."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import pytest
import typer
from fastapi.routing import APIWebSocketRoute
from pydantic import BaseModel
from starlette.routing import BaseRoute

from api.app import create_app
from stormpetrel.cli import build_app
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import LIVE_TOPICS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| `([^`]+)` \|(.*)\|$", re.MULTILINE)
FILE = re.compile(r"`([a-z_0-9]+(?:/[a-z_0-9]+)*(?:/|/[a-z_0-9]+\.(?:py|yaml|json|txt|cfg)))`")
FOLDERS = (
    "api",
    "benchmarks",
    "config",
    "consumers",
    "docs",
    "examples",
    "locks",
    "stormpetrel",
    "streams",
    "tests",
    "web/src",
)
FILES = [f"/{file.relative_to(ROOT).as_posix()}" for folder in FOLDERS for file in (ROOT / folder).rglob("*.*")]
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LONGEST_README = 120


def rows(page: str) -> dict[str, str]:
    """First cell -> the other cells, of every table row of a page whose first cell is code."""
    return dict(ROW.findall((DOCS / page).read_text(encoding="utf-8")))


def settings_defaults(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted name, default as JSON) of every setting."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_defaults(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(field.get_default(call_default_factory=True), default=str)


def routes() -> set[str]:
    """ "METHOD /path" of every route, with the names of path parameters left out."""
    app = create_app(lambda: None)
    served = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    return {without_parameters(route) for route in served | {f"WS {path}" for path in websockets(app.routes)}}


def websockets(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """The paths of the WebSocket routes, which no OpenAPI document has; included routers are looked through."""
    for route in routes:
        if isinstance(route, APIWebSocketRoute):
            yield route.path
        elif (router := getattr(route, "original_router", None)) is not None:
            yield from websockets(router.routes)


def without_parameters(route: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", route)


def commands(command: click.Command, path: str = "stormpetrel") -> Iterator[str]:
    """Every command that people run, by its whole name; hidden groups are the supervisor's own."""
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield path
        return
    for name, subcommand in subcommands.items():
        if not subcommand.hidden:
            yield from commands(subcommand, f"{path} {name}")


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {name: cells.split("|")[0].strip().strip("`") for name, cells in rows("settings.md").items()}
    assert documented == dict(settings_defaults(Settings))


def test_every_route_is_documented() -> None:
    assert {without_parameters(route) for route in rows("api.md")} == routes()


def test_every_topic_is_documented_with_its_key_partitions_and_events() -> None:
    documented = rows("topics.md")
    assert set(documented) == {topic.name for topic in LIVE_TOPICS}
    for topic in LIVE_TOPICS:
        key, partitions, _, events, _ = (cell.strip() for cell in documented[topic.name].split("|"))
        assert (key, partitions) == (f"`{topic.key}`", str(topic.partitions))
        assert events.split(", ") == [event.name() for event in topic.events]


def test_every_command_is_documented() -> None:
    assert set(rows("commands.md")) == set(commands(typer.main.get_command(build_app())))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    targets = [target.split("#")[0] for target in LINK.findall(text) if not re.match(r"[a-z]+:", target)]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_file_of_the_project_that_a_page_names_exists(page: Path) -> None:
    if page.name == "CHANGELOG.md":  # it names what is gone
        return
    mentioned = FILE.findall(page.read_text(encoding="utf-8"))
    assert [path for path in mentioned if not any(f"/{path}" in file for file in FILES)] == []


def test_the_first_page_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README


def test_the_navigation_names_every_page_but_the_single_decisions() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert {page for page in pages if not re.match(r"decisions/\d", page) and page not in navigation} == set()


def test_the_index_of_decisions_names_each_one() -> None:
    index = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    assert {page.name for page in (DOCS / "decisions").glob("0*.md") if page.name not in index} == set()
