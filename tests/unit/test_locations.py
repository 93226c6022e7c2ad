"""What products may name: allowed hosts, public addresses, paths that the operator announced, and nothing else."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from consumers.sources.product_files import notice
from stormpetrel.core.errors import BadProduct, MalformedRecord
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.core.settings import Imagery
from stormpetrel.imagery.catalogue.folder import product_at
from stormpetrel.imagery.readers.files import files_of, gdal_path, open_raster
from stormpetrel.imagery.readers.locations import Gate, checked_address

NOW = datetime(2025, 11, 4, 12, tzinfo=UTC)
NAMES = {
    "download.dataspace.copernicus.eu": "64.225.128.1",
    "sentinel-cogs.s3.us-west-2.amazonaws.com": "52.218.1.1",
    "inner.dataspace.copernicus.eu": "10.0.0.7",
    "archive.internal": "192.168.1.9",
    "rebound.example": "93.184.215.14",
}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A name service of our own; literal addresses resolve to themselves."""
    table = dict(NAMES)

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        address = table.get(host, host)
        if not address.replace(":", "").replace(".", "").isalnum() or (address == host and host[-1].isalpha()):
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return table


def product(source: str = "odata", location: str | None = None, **assets: str) -> ProductAnnounced:
    return ProductAnnounced(
        product_name="S2A_x",
        platform="sentinel-2",
        product_type="S2",
        sensed_from=NOW,
        sensed_until=NOW,
        footprint={},
        location=location,
        assets=assets,
        source=source,
        announced_at=NOW,
    )


@pytest.mark.parametrize(
    "address",
    [
        "https://download.dataspace.copernicus.eu/odata/v1/Products(1)/$value",
        "https://DOWNLOAD.dataspace.copernicus.eu:443/a.zip",
        "https://sentinel-cogs.s3.us-west-2.amazonaws.com/sentinel-s2-l2a-cogs/29/R/KH/B02.tif?x=1",
        "s3://eodata/Sentinel-1/a.SAFE",
    ],
)
def test_addresses_of_known_catalogues_are_allowed(address: str) -> None:
    Gate.of(Imagery()).check(product(location=address))
    Gate.of(Imagery()).check(product(B02=address))


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("https://evil.example/a.zip", "imagery.allowed_hosts"),
        ("https://download.dataspace.copernicus.eu.evil.example/a.zip", "imagery.allowed_hosts"),
        ("https://download.dataspace.copernicus.eu:8443/a.zip", "imagery.allowed_hosts"),
        ("https://download.dataspace.copernicus.eu@evil.example/a.zip", "no user or password"),
        ("https://evil.example\\@download.dataspace.copernicus.eu/a.zip", "must be escaped"),
        ("http://127.0.0.1:9200/_search", "imagery.allowed_hosts"),
        ("http://[::1]/a.tif", "imagery.allowed_hosts"),
        ("http://169.254.169.254/latest/meta-data", "imagery.allowed_hosts"),
        ("https://inner.dataspace.copernicus.eu/a.tif", "resolves to 10.0.0.7"),
        ("https://nowhere.dataspace.copernicus.eu/a.tif", "has no address"),
        ("ftp://download.dataspace.copernicus.eu/a.tif", "no address of a product"),
        ("gopher://127.0.0.1/", "no address of a product"),
        ("https:///a.tif", "needs a host"),
        ("https://download.dataspace.copernicus.eu/%2e%2e/secret.tif", "climbs out"),
        ("s3://eodata/../../secret", "climbs out"),
        ("s3://user@bucket/a", "needs a host"),
        ("/vsicurl/http://169.254.169.254/a.tif", "no address of a product"),
        ("https://download.dataspace.copernicus.eu/" + "a" * 3000, "too long"),
    ],
)
def test_other_addresses_are_refused_with_the_remedy(address: str, reason: str) -> None:
    for announced in (product(location=address), product(B02=address), product("folder", location=address)):
        with pytest.raises(BadProduct, match=reason):
            Gate.of(Imagery()).check(announced)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
)  # fmt: skip
def test_an_allowed_name_with_an_inner_address_is_refused(address: str, names: dict[str, str]) -> None:
    names["archive.example"] = address
    gate = Gate(("archive.example",))
    with pytest.raises(BadProduct, match=r"not public.*imagery\.private_hosts"):
        gate.resolve("archive.example", 443)
    assert Gate((), ("archive.example",)).resolve("archive.example", 443) == [address]


def test_a_private_host_is_allowed_on_its_port_alone() -> None:
    gate = Gate.of(Imagery(private_hosts=("archive.internal:8080",), s3_endpoint="http://archive.internal:9000"))
    gate.check(product(location="http://archive.internal:8080/a.zip"))
    assert gate.resolve("archive.internal", 9000) == ["192.168.1.9"], "the operator's own endpoint"
    with pytest.raises(BadProduct, match="not an allowed host"):
        gate.check(product(location="http://archive.internal/a.zip"))


def test_paths_are_read_only_where_the_operator_announced_them(tmp_path: Path) -> None:
    file = tmp_path / "products" / "S2A.tif"
    file.parent.mkdir()
    file.write_bytes(b"")
    everywhere, below = Gate.of(Imagery()), Gate.of(Imagery(roots=(tmp_path / "products",)))
    for gate in (everywhere, below):
        gate.check(product("folder", location=str(file)))
        gate.check(product("files", B02=str(file)))
        for source in ("cdse", "odata", "stac", "push"):
            with pytest.raises(BadProduct, match="only the operator may"):
                gate.check(product(source, location=str(file)))
            with pytest.raises(BadProduct, match="only the operator may"):
                gate.check(product(source, B02=f"file://{file}"))
        for path in ("relative.tif", f"{file.parent}/../secret.tif", "/vsizip/a.zip/b.tif", "/vsimem/a.tif"):
            with pytest.raises(BadProduct, match="no plain absolute path"):
                gate.check(product("folder", location=path))
    outside = tmp_path / "secret.tif"
    outside.write_bytes(b"")
    link = file.parent / "link.tif"
    link.symlink_to(outside)
    for path in (outside, link):
        everywhere.check(product("folder", location=str(path)))
        with pytest.raises(BadProduct, match=r"imagery\.roots"):
            below.check(product("folder", location=str(path)))


def test_a_file_of_notifications_names_paths_below_its_root_alone(tmp_path: Path) -> None:
    import json

    name = "S2B_MSIL2A_20251104T101200_N0511_R022_T32TMQ_20251104T120000"
    box = {"type": "Polygon", "coordinates": [[[8, 44], [9, 44], [9, 45], [8, 45], [8, 44]]]}
    value = {"Name": name, "GeoFootprint": box, "S3Path": "/eodata/a.SAFE"}
    (tmp_path / "link").symlink_to("/etc")

    def announced(path: str, root: Path | None) -> ProductAnnounced:
        entry = {"SubscriptionEvent": "created", "ProductName": name, "value": value, "x-local-path": path}
        event = notice(json.dumps(entry).encode(), root)
        assert isinstance(event, ProductAnnounced)
        return event

    event = announced("a.SAFE", tmp_path)
    assert (event.location, event.source) == (str(tmp_path / "a.SAFE"), "files")
    Gate.of(Imagery()).check(event)
    for path in ("../a.SAFE", "/etc/passwd", "link/passwd", "file:///etc/passwd"):
        with pytest.raises(MalformedRecord, match="leads out of"):
            announced(path, tmp_path)
    with pytest.raises(MalformedRecord, match="--root"):
        announced("a.SAFE", None)


def test_gdal_gets_files_and_addresses_and_no_virtual_paths(tmp_path: Path) -> None:
    for path in (
        "/vsicurl/http://169.254.169.254/a.tif",
        "/vsimem/a.tif",
        "GTIFF_DIR:1:/etc/passwd",
        "/etc",
        "nothing",
    ):
        with pytest.raises(BadProduct):
            gdal_path(path)
        with pytest.raises(BadProduct):
            files_of(None, {"B02": path})
    with pytest.raises(BadProduct, match="no address"):
        checked_address("https://[bad/a.tif")


def test_a_virtual_raster_with_the_name_of_a_geotiff_is_not_opened(tmp_path: Path) -> None:
    import numpy as np
    import rasterio
    from affine import Affine

    secret = tmp_path / "secret.tif"
    with rasterio.open(
        secret, "w", driver="GTiff", width=4, height=4, count=1, dtype="uint8", transform=Affine(10, 0, 0, 0, -10, 0)
    ) as out:
        out.write(np.full((1, 4, 4), 7, np.uint8))
    disguised = tmp_path / "S2A_B02_10m.tif"
    disguised.write_text(
        f'<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with rasterio.open(disguised) as dataset:
        assert dataset.read(1)[0, 0] == 7, "GDAL by itself reads the other file"
    with pytest.raises(BadProduct, match="cannot be read"), open_raster(str(disguised)):
        pass
    with pytest.raises(BadProduct, match=r"\.tif, \.tiff or \.jp2"), open_raster(str(tmp_path / "a.vrt")):
        pass


def test_a_link_in_a_watched_folder_that_leads_out_of_it_is_not_announced(tmp_path: Path) -> None:
    watched, outside = tmp_path / "watched", tmp_path / "S1A_IW_GRDH_1SDV_20251104T053500.tif"
    watched.mkdir()
    outside.write_bytes(b"")
    (watched / outside.name).symlink_to(outside)
    with pytest.raises(BadProduct, match="leads out of"):
        product_at(watched / outside.name, NOW, watched)
