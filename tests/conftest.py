"""What tests share: the local stack, started once a run, the cached model, and the optional real data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("STORMPETREL_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real public data; tests that need it are skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no real data at {DATA}: set STORMPETREL_TEST_DATA to a folder with tweets_* in it")
    return DATA


@pytest.fixture(scope="session")
def cache() -> Path:
    return ROOT / ".stormpetrel" / "cache"


@pytest.fixture(scope="session")
def model_directory(cache: Path) -> Path:
    """The default text model, exported the first time (some minutes)."""
    from stormpetrel.posts.text.encoder import ensure_text_model

    return ensure_text_model(cache / "models", "all-MiniLM-L6-v2", print)


@pytest.fixture(scope="session")
def encoder(model_directory: Path):
    from stormpetrel.posts.text.encoder import TextEncoder

    return TextEncoder(model_directory)


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
