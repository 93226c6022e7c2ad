"""What tests share: the local stack, started once a run, the cached model, and the optional real data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from stormpetrel.posts.gloss.gloss import Glosser
    from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("STORMPETREL_TEST_DATA", ROOT.parent / "shared" / "data"))
NO_DATA = f"no real data at {DATA}: set STORMPETREL_TEST_DATA to a folder with tweets_* and s1s2_* in it"
TEXT_MODEL = "all-MiniLM-L6-v2"  # the default one
# No test asserts a time: on a machine that is busy, hypothesis's limit of 200 ms an example would fail the run.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture
def data() -> Path:
    """The folder of real public data, which is not part of the repository; tests that need it are skipped without."""
    if not DATA.is_dir():
        pytest.skip(NO_DATA)
    return DATA


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says once, at the end and in colour, which tests were skipped for want of data."""
    skipped = [report.nodeid for report in terminalreporter.getreports("skipped") if NO_DATA in str(report.longrepr)]
    if skipped:
        terminalreporter.section("real data are missing", yellow=True)
        terminalreporter.write_line(f"tests skipped: {len(skipped)}; {NO_DATA}", yellow=True)
        for test in skipped:
            terminalreporter.write_line(f"  {test}")


@pytest.fixture(scope="session")
def cache() -> Path:
    """Models, gazetteer and broker: those of this checkout, or of STORMPETREL_CACHE."""
    return Path(os.environ.get("STORMPETREL_CACHE", ROOT / ".stormpetrel" / "cache"))


@pytest.fixture(scope="session")
def torch_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Python with torch, which is installed once a run (about 6 GB) and removed at its end."""
    from stormpetrel.models.export import exporting_python

    with exporting_python(tmp_path_factory.mktemp("torch"), print) as python:
        yield python


@pytest.fixture(scope="session")
def model_directory(cache: Path, request: pytest.FixtureRequest) -> Path:
    """The default text model, exported the first time. The word list is made beside it: else each process of a test
    would make it."""
    from stormpetrel.bootstrap import LEXICON
    from stormpetrel.models import model_store
    from stormpetrel.posts.exported_model import export
    from stormpetrel.posts.gloss.build import ensure_lexicon
    from stormpetrel.posts.text.encoder import TextManifest

    ensure_lexicon(cache, LEXICON)
    if TextManifest.cached(cache / "models", TEXT_MODEL) is None:
        export(cache / "models", TEXT_MODEL, print, python=request.getfixturevalue("torch_python"))
    return model_store.model_directory(cache / "models", TEXT_MODEL)


@pytest.fixture(scope="session")
def encoder(model_directory: Path):
    from stormpetrel.posts.text.encoder import TextEncoder

    return TextEncoder(model_directory)


@pytest.fixture(scope="session")
def glosser(tmp_path_factory: pytest.TempPathFactory) -> Glosser:
    """Glosses by a small word list of Italian, Spanish, French, German and Arabic."""
    from tests.word_list import make_glosser

    return make_glosser(tmp_path_factory.mktemp("lexicon"))


@pytest.fixture(scope="session")
def gazetteer(cache: Path) -> Gazetteer:
    from stormpetrel.bootstrap import open_gazetteer
    from stormpetrel.core.settings import Settings

    return open_gazetteer(Settings(cache=cache))


@pytest.fixture(scope="session")
def geoparser(cache: Path):
    from stormpetrel.bootstrap import open_geoparser
    from stormpetrel.core.settings import Settings

    return open_geoparser(Settings(cache=cache))


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, cache: Path, model_directory: Path) -> Iterator:
    """Broker and both stores of the local stack on free ports; stopped at the end of the run."""
    from tests.integration.running import RunningSystem

    with RunningSystem(tmp_path_factory.mktemp("stack"), cache) as running:
        yield running
