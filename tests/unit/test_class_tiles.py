"""Map tiles of a scene's classification: its colours, one map for many tiles, and what cannot be classified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api import class_maps
from api.routes import class_tiles
from stormpetrel.core.ids import PatchId
from stormpetrel.imagery.patches.geobox import PatchFootprint, outlines_of
from stormpetrel.imagery.tiles.matrix import TileAddress
from stormpetrel.learning.inference.predictions import SceneClasses
from tests.memory_api import SCENE
from tests.unit.tiled_scenes import colours_of, tile_at

FOOTPRINTS = [PatchFootprint(32632, 120, 4098, column) for column in (411, 412, 413)]


class Classifier:
    """Says 0, 1 and none of the labels of three patches in a row; `calls` counts how often it was asked."""

    def __init__(self) -> None:
        self.calls, self.classes = 0, [0, 1, -1]

    def __call__(self, models: Any, scope: Any, labels: Any) -> SceneClasses:
        self.calls += 1
        patches = tuple(PatchId(SCENE, each.epsg, 120, each.row, each.column) for each in FOOTPRINTS)
        scores = np.array([0.9, 0.8, -0.1], dtype=np.float32)
        return SceneClasses(tuple(labels), tuple(labels), patches, np.array(self.classes), scores)


@pytest.fixture
def classifier(monkeypatch: pytest.MonkeyPatch) -> Classifier:
    classifier = Classifier()
    monkeypatch.setattr(class_tiles, "classify_scene", classifier)
    return classifier


def address(tile: TileAddress, labels: str = "labels=water-bodies&labels=forest") -> str:
    return f"/v1/tiles/{SCENE}/classification/{tile.zoom}/{tile.column}/{tile.row}.png?{labels}"


def middle(number: int) -> tuple[float, float]:
    return outlines_of(FOOTPRINTS)[number].centre


def test_each_patch_has_the_colour_of_its_label(
    client: TestClient, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_maps, "KEPT_FOR_S", 1000)
    shown = [colours_of(client.get(address(tile_at(*middle(number), 18))).content) for number in range(3)]
    assert (shown[0] == (0x00, 0x72, 0xB2, 255)).all() and (shown[1] == (0xE6, 0x9F, 0x00, 255)).all()
    assert not shown[2][..., 3].any(), "a patch of none of the labels hides nothing"
    assert classifier.calls == 1, "one map for all tiles"
    assert client.get(address(TileAddress(14, 0, 0))).status_code == 204


def test_an_annotation_changes_the_map(
    client: TestClient, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = address(tile_at(*middle(0), 18))
    first = client.get(place)
    assert first.headers["cache-control"] == "private, no-cache"
    monkeypatch.setattr(class_maps, "KEPT_FOR_S", 0)
    same = client.get(place, headers={"If-None-Match": first.headers["etag"]})
    assert same.status_code == 304
    classifier.classes = [1, 0, -1]
    changed = client.get(place, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200 and changed.headers["etag"] != first.headers["etag"]


def test_what_cannot_be_classified_is_told(client: TestClient) -> None:
    tile = TileAddress(14, 0, 0)
    nothing = client.get(address(tile).replace(SCENE, "S1A_NONE"))
    assert nothing.status_code == 404
    assert client.get(address(tile, "labels=no-such-label")).status_code in (404, 422)
    assert client.get(address(tile, "")).json()["detail"][0]["field"] == "labels"
    assert client.get(address(TileAddress(3, 8, 0))).json()["detail"][0]["field"] == "x"


def test_few_maps_are_kept() -> None:
    maps, classifier = class_maps.ClassMaps(), Classifier()
    for number in range(2 * class_maps.MOST_KEPT):
        maps.get(lambda scope, labels: classifier(None, scope, labels), None, [f"label-{number}"])
    assert len(maps._kept) == class_maps.MOST_KEPT
