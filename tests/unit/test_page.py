"""The page: served without a key, under a strict policy, small, and built from the sources that lie beside it."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.page_files import FOLDER, INDEX, page_files
from api.route_scopes import need_of
from tests.unit.secured_api import SecuredApi

WEB = Path(__file__).resolve().parents[2] / "web"
SOURCES = (
    "src",
    "build",
    "index.html",
    "package.json",
    "package-lock.json",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
)
GENERATED = {"src/map/base_map.json", "src/api/schema.d.ts"}
LARGEST = 2_000_000  # bytes of all files together, as they lie in the repository


def source_names() -> list[str]:
    """Every source of the page, as `web/build/kept_compressed.ts` lists them."""
    files = [path for name in SOURCES for path in ([WEB / name] if "." in name else (WEB / name).rglob("*"))]
    names = {path.relative_to(WEB).as_posix() for path in files if path.is_file()}
    return sorted(names - GENERATED)


def hash_of_sources() -> str:
    digest = hashlib.sha256()
    for name in source_names():
        digest.update(f"{name}\0".encode() + (WEB / name).read_bytes() + b"\0")
    return digest.hexdigest()


def openapi_script() -> Any:
    specification = importlib.util.spec_from_file_location("page_openapi", WEB / "scripts" / "openapi.py")
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_built_page_is_the_sources_own() -> None:
    built = (FOLDER / "sources.sha256").read_text(encoding="utf-8").strip()
    assert built == hash_of_sources(), "the page's sources have changed since it was built: `make web` builds it"


def test_the_pages_types_are_those_of_the_api() -> None:
    script = openapi_script()
    message = "the API's routes that the page uses have changed: `make web` brings its types up to date"
    assert script.FILE.read_text(encoding="utf-8") == script.written(), message


def test_the_lock_names_no_server() -> None:
    assert "resolved" not in (WEB / "package-lock.json").read_text(encoding="utf-8")


def test_the_page_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < LARGEST


def test_the_document_asks_this_server_alone(client: TestClient) -> None:
    reply = client.get("/")
    assert reply.status_code == 200 and reply.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in reply.headers["content-security-policy"]
    assert re.findall(r"(?:src|href)=\"(?!/page/)", reply.text) == [] and "://" not in reply.text
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=", reply.text)


def test_every_file_that_the_document_names_is_there(client: TestClient) -> None:
    for name in re.findall(r"/page/([^\"]+)", client.get("/").text):
        reply = client.get(f"/page/{name}")
        assert reply.status_code == 200 and "immutable" in reply.headers["cache-control"]
        assert "content-security-policy" in reply.headers


def test_a_client_that_reads_no_gzip_gets_the_same(client: TestClient) -> None:
    packed, plain = (client.get("/", headers={"Accept-Encoding": encoding}) for encoding in ("gzip", "identity"))
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.text == plain.text == gzip.decompress(page_files()[INDEX].compressed).decode()


def test_a_document_that_the_browser_has_is_not_sent_again(client: TestClient) -> None:
    tag = client.get("/").headers["etag"]
    again = client.get("/", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)


def test_a_file_that_is_not_there_says_what_to_do(client: TestClient) -> None:
    for name in ("gone-AAAA.js", "..%2fapp.py", "index.html.gz"):
        reply = client.get(f"/page/{name}")
        assert reply.status_code == 404, name
    assert client.get("/page/gone-AAAA.js").json()["detail"].endswith("reload the page")


def test_the_page_needs_no_key_and_everything_else_still_does() -> None:
    with SecuredApi() as api:
        api.make_key("anna", "read")
        assert api.client.get("/").status_code == 200
        for path in ("/v1/incidents", "/v1/incidents/events", "/pages", "/nowhere"):
            assert api.client.get(path).status_code == 401, path


@pytest.mark.parametrize(
    ("path", "need"), [("/", "nothing"), ("/page/a.js", "nothing"), ("//", "read"), ("/v1", "read")]
)
def test_what_is_below_the_root_is_not_the_roots(path: str, need: str) -> None:
    assert need_of("GET", path) == need
