"""What unit tests share: a small gazetteer, and the API in memory with its client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.gazetteer.gazetteer_file import PlaceRow, write_gazetteer
from tests.memory_api import MemoryApi

CITIES = [
    ("Springfield", -89.65, 39.8, "US", 114_000, "IL"),
    ("Springfield", -93.29, 37.2, "US", 169_000, "MO"),
    ("Genoa", 8.93, 44.41, "IT", 580_000, "08"),
    ("Córdoba", -64.18, -31.42, "AR", 1_428_000, "05"),
    ("Córdoba", -4.78, 37.89, "ES", 325_000, "51"),
    ("Sevilla", -5.97, 37.39, "ES", 684_000, "51"),
    ("Mati", 126.2, 6.95, "PH", 147_000, "11"),
    ("St. John's", -52.7, 47.56, "CA", 110_000, "05"),
    ("Ål", 8.56, 60.63, "NO", 2_000, "20"),
    ("Neustadt", 8.14, 49.35, "DE", 50_000, "08"),
    ("Neustadt", 10.81, 54.1, "DE", 50_000, "10"),
    ("Neustadt", 14.2, 51.0, "DE", 50_000, "13"),
]
AREAS = [
    PlaceRow(1, "Illinois", -89.0, 40.0, "US", "admin1", 12_000_000, "IL", radius_km=300),
    PlaceRow(2, "Spain", -4.0, 39.7, "ES", "country", 47_000_000, radius_km=400, alternate_names=("España", "إسبانيا")),
    PlaceRow(3, "Greece", 22.5, 39.0, "GR", "country", 10_700_000, radius_km=200),
    PlaceRow(4, "Attica", 23.7, 38.0, "GR", "admin1", 3_800_000, "ES30", radius_km=50),
]


@pytest.fixture(scope="session")
def small_gazetteer(tmp_path_factory: pytest.TempPathFactory) -> Gazetteer:
    """A gazetteer of a few places, with namesakes."""
    directory = tmp_path_factory.mktemp("gazetteer") / "small"
    rows = [
        PlaceRow(number, name, longitude, latitude, country, "city", population, admin1)
        for number, (name, longitude, latitude, country, population, admin1) in enumerate(CITIES, start=100)
    ]
    rows[2].alternate_names = ("Genova", "Zena")
    write_gazetteer(directory, [*rows, *AREAS], "test", {"es": ["ES", "AR"]})
    return Gazetteer(directory)


@pytest.fixture
def memory_api() -> MemoryApi:
    return MemoryApi()


@pytest.fixture
def client(memory_api: MemoryApi) -> Iterator[TestClient]:
    with TestClient(memory_api.app(), raise_server_exceptions=False) as client:
        yield client
