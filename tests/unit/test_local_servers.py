"""The local stack keeps a file for each database."""

from __future__ import annotations

from pathlib import Path

from stormpetrel.local.servers import documents_folder


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
