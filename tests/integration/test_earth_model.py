"""An Earth-observation model by configuration: its embedding is described, indexed and searched like any modality."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stormpetrel.imagery.patches.earth_model import import_earth_model
from tests.integration.running import RunningSystem
from tests.integration.scenes import Products, announce, make
from tests.tiny_graph import write_graph

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Products:
    return make(tmp_path_factory.mktemp("products"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph = write_graph(tmp_path_factory.mktemp("graph") / "tiny.onnx", 3, 120)
    folder = graph.parent / "model"
    import_earth_model(
        graph, folder, name="tiny", channels=("B04", "B08", "VV"), size=120, mean=(0.1, 0.2, -12), std=(0.1, 0.1, 4)
    )
    return folder


@pytest.fixture(scope="module")
def night(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, products: Products, folder: Path
) -> Iterator[RunningSystem]:
    """A stack of its own: the processes of the other tests know no such model."""
    stack = RunningSystem(tmp_path_factory.mktemp("earth"), cache)
    with pytest.MonkeyPatch.context() as patched, stack as system:
        patched.setenv("STORMPETREL_IMAGERY__EARTH_MODEL", str(folder))
        system.start_pipeline()
        system.start("scenes", "consume", "scenes")
        announce(system, products.radar, products.optical)
        system.wait_until_seen()
        yield system


def test_patches_are_found_by_their_embedding(night: RunningSystem) -> None:
    items = night.api("GET", "/v1/stac/collections/patches/items", params={"limit": 200}).json()["features"]
    paired = [item["id"] for item in items if "|" in item["id"] and "/g120/" in item["id"]]
    patch = night.api("GET", f"/v1/patches/{paired[0]}").json()
    assert patch["models"]["earth"].startswith("tiny@")
    answer = night.search(patch_id=paired[0], sources=["patches"], modalities=["earth"])
    assert answer["lists"]["earth"]["model"] == patch["models"]["earth"]
    assert answer["total"] >= 50 and all("earth" in hit["ranks"] for hit in answer["hits"])
    wrong = night.search(text="flood", vectors={"earth": [0.5] * 4}, sources=["posts", "patches"])
    assert "4 values, and this index 6" in wrong["unavailable"]["earth"]


def test_without_the_model_the_other_modalities_serve(night: RunningSystem, folder: Path) -> None:
    held = folder / "model.onnx"
    held.rename(folder / "gone")
    try:
        night.stop("serve")
        night.start_pipeline()
        answer = night.search(vectors={"earth": [0.5] * 6, "sar": [0.1] * 144}, sources=["patches"])
        assert "imagery.earth_model" in answer["unavailable"]["earth"]
        assert answer["lists"]["sar"]["hits"]
    finally:
        (folder / "gone").rename(held)
