"""Word lists of the user's: dictd databases and tables become tables of ours; what is neither is refused in words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stormpetrel.cli import build_app
from stormpetrel.core.errors import SetupError
from stormpetrel.posts.gloss.dictd import DIGITS, read_word_list

LETTERS = {value: chr(digit) for digit, value in DIGITS.items()}


def base64(number: int) -> str:
    return (base64(number // 64) if number >= 64 else "") + LETTERS[number % 64]


def write_dictd(folder: Path, entries: dict[str, str], packed: bool) -> Path:
    index, content = [], b""
    for word, entry in entries.items():
        text = entry.encode()
        index.append(f"{word}\t{base64(len(content))}\t{base64(len(text))}")
        content += text
    if packed:
        (folder / "ita-eng.dict.dz").write_bytes(gzip.compress(content))
    else:
        (folder / "ita-eng.dict").write_bytes(content)
    file = folder / "ita-eng.index"
    file.write_text("\n".join(index), encoding="utf-8")
    return file


ENTRIES = {
    "00databaseinfo": "00databaseinfo\n  about this list",
    "Alluvione": "alluvione /alluˈvjone/ <n, f>\n1. flood, inundation\n2. spate (of words)",
    "allagare": "allagare <v>\n to flood; to inundate",
    "spiegazione": 'spiegazione\n "a long explanation in many words that is no gloss"',
}


@pytest.mark.parametrize("packed", [True, False])
def test_a_dictd_database_gives_the_first_gloss_of_each_word(tmp_path: Path, packed: bool) -> None:
    file = write_dictd(tmp_path, ENTRIES, packed)
    assert read_word_list(file) == [("alluvione", "flood"), ("allagare", "flood")]


def test_a_table_gives_its_rows_once_each(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("# mine\nMolo\tpier\nmolo\tjetty\nfrana\ta landslide\n", encoding="utf-8")
    assert read_word_list(file) == [("molo", "pier"), ("frana", "landslide")]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("mine.tsv", b"molo pier\n", "line 1: there is no tab"),
        ("mine.tsv", b"\xff\xfe\x00", "cannot be read"),
        ("mine.tsv", b"# nothing\n", "no word with an English gloss"),
        ("mine.index", b"molo\tA\tB\n", "cannot be read"),
    ],
)
def test_what_is_no_word_list_is_refused_with_the_remedy(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(SetupError, match=problem) as refused:
        read_word_list(file)
    assert "dictd" in str(refused.value)


def test_an_index_of_other_entries_is_refused(tmp_path: Path) -> None:
    file = write_dictd(tmp_path, ENTRIES, packed=False)
    (tmp_path / "ita-eng.dict").write_bytes(b"short")
    with pytest.raises(SetupError, match="do not belong together"):
        read_word_list(file)


def test_the_command_refuses_a_language_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "mine.tsv"
    file.write_text("molo\tpier\n", encoding="utf-8")
    result = CliRunner().invoke(build_app(), ["lexicon", "add", str(file), "--lang", "english"])
    assert isinstance(result.exception, SetupError)
    assert "a code of two letters" in str(result.exception)


def test_the_command_writes_a_table_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMPETREL_LEXICON__DIRECTORY", str(tmp_path / "lists"))
    monkeypatch.setattr("stormpetrel.posts.gloss.build.ensure_lexicon", lambda *_: tmp_path)
    monkeypatch.setattr("stormpetrel.posts.gloss.build.gloss_version", lambda _: "gloss1.test")
    monkeypatch.setattr("stormpetrel.posts.gloss.tables.read_tables", lambda *_: None)
    file = tmp_path / "Harbour words.tsv"
    file.write_text("molo\tpier\n", encoding="utf-8")
    result = CliRunner().invoke(build_app(), ["lexicon", "add", str(file), "--lang", "it", "--json"])
    assert json.loads(result.stdout)["words"] == 1
    assert (tmp_path / "lists" / "it.harbour-words.tsv").read_text(encoding="utf-8") == "molo\tpier\n"
