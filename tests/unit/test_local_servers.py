"""The local stack: a file for each database, and what its processes run with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stormpetrel.local.servers import documents_folder
from stormpetrel.local.stack import BYTECODE, child_environment, this_python


def test_the_one_file_of_earlier_releases_becomes_the_file_of_the_database(tmp_path: Path) -> None:
    for suffix in ("", "-wal"):
        (tmp_path / f"documents.db{suffix}").write_text(f"data{suffix}")
    folder = documents_folder(tmp_path, "stormpetrel")
    assert (folder / "stormpetrel.db").read_text() == "data"
    assert (folder / "stormpetrel.db-wal").read_text() == "data-wal"
    assert not list(tmp_path.glob("documents.db*"))
    (tmp_path / "documents.db").write_text("of an old release that was started again")
    assert documents_folder(tmp_path, "stormpetrel") == folder
    assert (folder / "stormpetrel.db").read_text() == "data"


def test_processes_keep_their_bytecode_where_it_may_not_lie_beside_the_sources() -> None:
    forbidden = child_environment({"PYTHONDONTWRITEBYTECODE": "1", "HOME": "/home/ada"})
    assert forbidden["PYTHONPYCACHEPREFIX"] == str(BYTECODE) and "PYTHONDONTWRITEBYTECODE" not in forbidden
    assert forbidden["HOME"] == "/home/ada"
    allowed = child_environment({"HOME": "/home/ada"})
    assert "PYTHONPYCACHEPREFIX" not in allowed and allowed["HOME"] == "/home/ada"
    chosen = child_environment({"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/elsewhere"})
    assert chosen["PYTHONPYCACHEPREFIX"] == "/elsewhere"


def test_bytecode_stays_where_it_is_when_nothing_may_be_written_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stormpetrel.local.stack.BYTECODE", Path("/nowhere/bytecode"))
    variables = {"PYTHONDONTWRITEBYTECODE": "1"}
    assert child_environment(variables).items() >= variables.items()
    assert "PYTHONPYCACHEPREFIX" not in child_environment(variables)


def test_a_process_that_is_started_again_compiles_nothing_anew(tmp_path: Path) -> None:
    environment = child_environment(
        {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    )
    subprocess.run(this_python("--help"), env=environment, check=True, capture_output=True)
    kept = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.pyc")}
    assert any("stormpetrel" in file.parts for file in kept)
    subprocess.run(this_python("--help"), env=environment, check=True, capture_output=True)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.pyc")} == kept


def test_a_worker_is_imported_without_what_it_needs_later_or_never() -> None:
    """Each of these takes half a second or more of its start."""
    heavy = (
        "scipy",
        "sklearn",
        "river",
        "pandas",
        "fastapi",
        "httpx",
        "pymongo",
        "qdrant_client",
        "xmlschema",
        "rasterio",
    )
    program = f"import sys, streams.app; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
