"""The scenes consumer on the log in memory: what breaks a product, or the process, does not stop those behind it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely

from consumers.known_products import KnownProducts
from consumers.scenes import STAGE, SceneWork
from stormpetrel.bootstrap import picture_folder
from stormpetrel.core.errors import BadProduct, StoreUnavailable
from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn, SceneWithdrawn
from stormpetrel.core.settings import Imagery
from stormpetrel.core.topics import PATCHES_DESCRIBED, PRODUCTS_ANNOUNCED
from stormpetrel.imagery.readers.locations import Gate
from stormpetrel.imagery.scene_events import descriptor_versions
from stormpetrel.imagery.types import Scene
from stormpetrel.log import BatchConsumer, record_of_event
from stormpetrel.log.memory import MemoryConsumer, MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.process.probes import Readiness
from stormpetrel.stores.downloads import Downloads
from stormpetrel.stores.egress_proxy import EgressProxy
from tests.unit.memory_stores import PagedDocuments

NOW = datetime(2025, 11, 4, 12, tzinfo=UTC)


def product(name: str, west: float = 8, **fields: Any) -> ProductAnnounced:
    settled: dict[str, Any] = {
        "platform": "sentinel-1",
        "sensed_from": NOW,
        "sensed_until": NOW,
        "footprint": shapely.geometry.mapping(shapely.box(west, 44, west + 1, 45)),
        "source": "folder",
        "location": f"/products/{name}.SAFE",
        **fields,
    }
    return ProductAnnounced(product_name=name, product_type="GRD", announced_at=NOW, **settled)


class Scenes:
    """A scenes consumer whose reading of a scene is `read`; `described` are the scenes that it came through with."""

    def __init__(self, folder: Path, read: Callable[[Scene], None], *products: ProductAnnounced) -> None:
        self.log, self.described = MemoryLog(partitions=1), list[str]()
        for event in products:
            self.log.append(record_of_event(PRODUCTS_ANNOUNCED, event.product_name, event))
        consumer = MemoryConsumer(self.log, STAGE)
        consumer.subscribe([PRODUCTS_ANNOUNCED.name])
        imagery, described = Imagery(directory=folder), self.described

        class ReadingDownloads(Downloads):
            def localise(self, scene: Scene) -> Scene:
                read(scene)
                described.append(scene.id)
                raise BadProduct("the end of the test")

        with EgressProxy(Gate.of(imagery)) as proxy:
            downloads = ReadingDownloads(imagery, proxy)
        known_products, self.documents = KnownProducts(MemoryTopicReader(self.log)), PagedDocuments()
        work = SceneWork(imagery, MemoryProducer(self.log), known_products, self.documents, downloads)
        self.batches = BatchConsumer(consumer, MemoryProducer(self.log), STAGE, work, Readiness("the test"))

    def take_all(self) -> dict[str, str]:
        """Works through the topic; the reasons of the dead letters by product."""
        for _ in range(len(self.log.records(PRODUCTS_ANNOUNCED.name))):
            self.batches.take(1, 0)
        assert self.log.committed(STAGE, PRODUCTS_ANNOUNCED.name) == len(self.log.records(PRODUCTS_ANNOUNCED.name))
        letters = self.log.records(PRODUCTS_ANNOUNCED.dead().name)
        return {str((letter.key or b"").decode()): letter.headers["reason"].decode() for letter in letters}


def failing_with(error: BaseException, name: str = "S1A_bad") -> Callable[[Scene], None]:
    def read(scene: Scene) -> None:
        if name in scene.id:
            raise error

    return read


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("division by zero"), MemoryError(), RuntimeError("password"), FileNotFoundError(2, "gone")],
)
def test_a_product_that_breaks_its_reader_is_a_dead_letter_and_the_next_one_is_read(
    tmp_path: Path, error: Exception
) -> None:
    """Before: the exception ended the process, which was started again for the same product."""
    scenes = Scenes(tmp_path, failing_with(error), product("S1A_bad"), product("S1A_good", west=20))
    reasons = scenes.take_all()
    assert reasons["S1A_bad"].startswith(f"its reader broke: {type(error).__name__}")
    assert scenes.described == ["S1A_good"]


def test_a_partner_that_breaks_its_reader_is_left_out(tmp_path: Path) -> None:
    optical = product("S2A_bad", platform="sentinel-2")
    scenes = Scenes(tmp_path, failing_with(ValueError("truncated"), "S2A_bad"), product("S1A_good"), optical)
    reasons = scenes.take_all()
    assert "S1A_good" in scenes.described
    assert "truncated" in reasons["S2A_bad"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space left on device"), StoreUnavailable("no broker")])
def test_a_full_disk_is_waited_for_and_not_the_products_fault(tmp_path: Path, error: Exception) -> None:
    scenes = Scenes(tmp_path, failing_with(error), product("S1A_bad"))
    scenes.batches.stop()  # it gives up waiting at once
    scenes.batches.take(1, 0)
    assert scenes.log.committed(STAGE, PRODUCTS_ANNOUNCED.name) == 0
    assert not scenes.log.records(PRODUCTS_ANNOUNCED.dead().name)


def killed(_: Scene) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_product_that_ends_the_process_three_times_is_a_dead_letter(tmp_path: Path) -> None:
    """Before: it was described again at every start, for ever."""
    script = (
        "from pathlib import Path; from tests.unit.test_scene_work import Scenes, killed, product; "
        f"Scenes(Path({str(tmp_path)!r}), killed, product('S1A_bad')).take_all()"
    )
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    scenes = Scenes(tmp_path, failing_with(ValueError(), "nothing"), product("S1A_bad"), product("S1A_good", west=20))
    reasons = scenes.take_all()
    assert "ended the process 3 times" in reasons["S1A_bad"]
    assert "dead replay" in reasons["S1A_bad"]
    assert scenes.described == ["S1A_good"]
    assert not list((tmp_path / "attempts").iterdir()), "a replay begins anew"


def test_a_scene_that_has_lost_a_picture_is_described_again(tmp_path: Path) -> None:
    """Before: it was taken for known, whatever was announced, and its tiles never came back."""
    radar, picture = product("radar"), picture_folder(Imagery(directory=tmp_path), "radar") / "s1.tif"
    picture.parent.mkdir(parents=True)
    picture.touch()
    described = {"revisions": {"radar": ""}, "descriptors": list(descriptor_versions("")), "pictures": {"s1": "s1.tif"}}
    for is_there in (True, False):
        scenes = Scenes(tmp_path, lambda scene: None, radar)
        scenes.documents.upsert("scenes", [{"_id": "radar", **described}])
        if not is_there:
            picture.unlink()
        scenes.take_all()
        assert scenes.described == ([] if is_there else ["radar"])


def test_a_product_is_withdrawn_before_the_store_has_its_scenes(tmp_path: Path) -> None:
    """The store of this test stays empty: it is behind the log."""
    optical = product("optical", platform="sentinel-2")
    scenes = Scenes(tmp_path, lambda scene: None, product("radar"), optical)
    scenes.take_all()
    picture = picture_folder(Imagery(directory=tmp_path), "optical|radar") / "s1.tif"
    picture.parent.mkdir(parents=True)
    picture.touch()
    withdrawal = ProductWithdrawn(product_name="radar", source="folder", withdrawn_at=NOW)
    scenes.log.append(record_of_event(PRODUCTS_ANNOUNCED, "radar", withdrawal))
    scenes.described.clear()
    scenes.batches.take(1, 0)
    withdrawn = [
        record.key
        for record in scenes.log.records(PATCHES_DESCRIBED.name)
        if record.header("schema") == SceneWithdrawn.name()
    ]
    assert withdrawn == [b"optical|radar", b"radar"]
    assert not picture.exists(), "nothing is kept of what was withdrawn"
    assert scenes.described == ["optical"], "the partner is described alone"
