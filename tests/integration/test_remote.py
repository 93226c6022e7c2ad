"""Products on the web and on S3: range reads, listed folders, downloads that break off, hashes, limits."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
import rasterio

from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import Checksum, ProductAnnounced
from stormpetrel.core.settings import Imagery
from stormpetrel.demo.scenes import Ground, write_optical, write_radar
from stormpetrel.imagery.catalogue.folder import product_at
from stormpetrel.imagery.describe import describe_scene
from stormpetrel.imagery.pairing import Rules, scenes_of
from stormpetrel.imagery.readers.locations import Gate
from stormpetrel.imagery.types import Scene
from stormpetrel.local.stack import answers, free_port
from stormpetrel.stores.downloads import Downloads
from stormpetrel.stores.egress_proxy import EgressProxy
from stormpetrel.stores.objects import RemoteFiles
from tests.integration.running import wait_until

NOW = datetime(2025, 11, 4, 12, tzinfo=UTC)
GROUND = Ground(32632, 499_200, 4_924_800, 480)


@dataclass
class Web:
    """The server's address, and what it says of itself."""

    folder: Path
    url: str
    proxy: EgressProxy

    def downloads(self, folder: Path, **more: float) -> Downloads:
        """Downloads into a folder, with this server as the S3 endpoint too."""
        return Downloads(Imagery(directory=folder, s3_endpoint=self.url, **more), self.proxy)

    def told(self) -> dict[str, int]:
        found: dict[str, int] = httpx.get(f"{self.url}/_told").json()
        return found

    def break_off(self) -> None:
        httpx.get(f"{self.url}/_break")


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("web")
    return (
        write_radar(folder, GROUND, datetime(2025, 11, 4, 5, 35, tzinfo=UTC), flood=True),
        write_optical(folder, GROUND, datetime(2025, 11, 4, 10, tzinfo=UTC), flood=True),
    )


@pytest.fixture(scope="module")
def web(products: tuple[Path, Path]) -> Iterator[Web]:
    port = free_port()
    folder = products[0].parent
    command = [sys.executable, "-m", "tests.integration.web_server", str(folder), str(port)]
    process = subprocess.Popen(command, cwd=Path(__file__).resolve().parents[2])
    wait_until(lambda: answers(port), 20, "the web answers")
    with EgressProxy(Gate((), (f"127.0.0.1:{port}",))) as proxy, rasterio.Env(GDAL_HTTP_PROXY=proxy.url):
        yield Web(folder, f"http://127.0.0.1:{port}", proxy)
    process.terminate()
    process.wait(10)


def _scene(product: ProductAnnounced) -> Scene:
    (scene,) = scenes_of(product, [product], Rules())
    return scene


def test_a_product_on_s3_is_listed_and_read_as_it_is_on_disk(
    products: tuple[Path, Path], web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_HTTPS", "NO"),
        ("AWS_S3_ENDPOINT", web.url.removeprefix("http://")),
        ("AWS_VIRTUAL_HOSTING", "FALSE"),
        ("AWS_REGION", "default"),
    ):
        monkeypatch.setenv(name, value)
    downloads = web.downloads(tmp_path)
    for path in products:
        here = product_at(path, NOW)
        there = here.model_copy(update={"location": f"s3://bucket/{path.name}", "source": "odata"})
        near = describe_scene(_scene(here), None, (120,))
        far = describe_scene(downloads.localise(_scene(there)), None, (120,))
        assert far.problems == near.problems
        assert len(far.patches) == len(near.patches) > 0
        for one, other in zip(near.patches, far.patches, strict=True):
            for name in ("sar", "ms"):
                first, second = getattr(one, name), getattr(other, name)
                assert (first is None) == (second is None)
                if first is not None:
                    np.testing.assert_array_equal(first, second)
    assert web.told()["ranges"] > 0


def test_only_the_part_that_is_needed_is_read(products: tuple[Path, Path], web: Web) -> None:
    from odc.geo.geobox import GeoBox

    from stormpetrel.imagery.readers.files import files_of
    from stormpetrel.imagery.readers.sentinel1 import RadarImage

    measurement = next(products[0].rglob("*-vv-*.tiff"))
    address = f"{web.url}/{measurement.relative_to(web.folder)}"
    before = web.told()["sent"]
    image = RadarImage(files_of(None, {"vv": address}))
    image.onto(GeoBox.from_bbox((499_200, 4_923_840, 500_160, 4_924_800), "EPSG:32632", resolution=10))
    image.close()
    assert web.told()["sent"] - before < 0.8 * measurement.stat().st_size


def test_a_download_that_breaks_off_goes_on_and_is_checked(
    products: tuple[Path, Path], web: Web, tmp_path: Path
) -> None:
    packed = web.folder / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in products[0].rglob("*"):
            archive.write(file, file.relative_to(products[0].parent))
    right = hashlib.md5(packed.read_bytes()).hexdigest()
    downloads = web.downloads(tmp_path)
    web.break_off()
    file = downloads.fetch(f"{web.url}/packed.zip", "a.zip", Checksum(algorithm="md5", value=right))
    assert file.read_bytes() == packed.read_bytes()
    assert web.told()["ranges"] > 0
    with pytest.raises(BadProduct, match="was promised"):
        downloads.fetch(f"{web.url}/packed.zip", "b.zip", Checksum(algorithm="md5", value="0" * 32))
    assert not (tmp_path / "downloads" / "b.zip").exists()
    with pytest.raises(BadProduct, match="largest_download_gb"):
        web.downloads(tmp_path, largest_download_gb=1e-6).fetch(f"{web.url}/packed.zip", "c.zip")
    with pytest.raises(BadProduct, match="404"):
        downloads.fetch(f"{web.url}/none.zip", "d.zip")
    there = product_at(products[0], NOW).model_copy(update={"location": f"{web.url}/packed.zip"})
    assert describe_scene(downloads.localise(_scene(there)), None, (120,)).patches


def test_an_empty_folder_on_s3_says_so(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(BadProduct, match="no files"):
        RemoteFiles(web.url, web.proxy.url).list_files("s3://bucket/S1A_nothing.SAFE")
