"""The STAC API validator asks our API all that the specification says, with local schemas in place of downloads."""

from __future__ import annotations

from typing import Any

import pytest
from pystac.validation.local_validator import get_local_schema_cache
from stac_api_validator.validations import QueryConfig, validate_api
from stac_validator import utilities, validate

from tests.fuzzing import served
from tests.memory_api import MemoryApi
from tests.unit.stac_night import add_large_scene

PUBLISHED = get_local_schema_cache()
ASKED = ["core", "collections", "features", "item-search", "filter", "item-search#sort", "item-search#fields"]
# After it has asked to leave out `geometry`, the validator (0.6.8) looks whether its nested field is left out.
MISTAKEN = "response contained 'properties.mission', but should have been excluded"
AROUND = '{"type": "Polygon", "coordinates": [[[-1, 39], [0.5, 39], [0.5, 40.2], [-1, 40.2], [-1, 39]]]}'


def local_schema(address: str) -> dict[str, Any]:
    """STAC's own schemas are in pystac; those of extensions are in no package, and take everything."""
    return PUBLISHED.get(address.rstrip("#"), {})


@pytest.fixture
def without_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utilities, "fetch_and_parse_schema", local_schema)
    monkeypatch.setattr(validate, "fetch_and_parse_schema", local_schema)


@pytest.mark.usefixtures("without_downloads")
def test_the_validator_finds_nothing() -> None:
    memory_api = MemoryApi()
    add_large_scene(memory_api, 60)
    no_query = QueryConfig(*[None] * len(QueryConfig.__dataclass_fields__))
    with served(memory_api) as address:
        _, errors = validate_api(
            f"{address}/v1/stac",
            ASKED,
            "patches",
            AROUND,
            None,
            None,
            "properties.mission",
            True,
            no_query,
            None,
            {},
            False,
        )
    assert [error for error in errors if not error.endswith(MISTAKEN)] == []
