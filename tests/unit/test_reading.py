"""Products are read: generated SAFE folders, real samples, and broken ones."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from scipy.ndimage import binary_erosion

from stormpetrel.core.errors import BadProduct
from stormpetrel.demo.scenes import DECIBELS, Ground, write_optical, write_radar
from stormpetrel.imagery.catalogue.folder import product_at
from stormpetrel.imagery.describe import describe_scene
from stormpetrel.imagery.pairing import Rules, scenes_of
from stormpetrel.imagery.patches.geobox import geobox_around
from stormpetrel.imagery.readers.files import files_of, gdal_path
from stormpetrel.imagery.readers.sentinel1 import RadarImage
from stormpetrel.imagery.readers.sentinel2 import OpticalImage
from stormpetrel.imagery.water.exclusion_masks import ExclusionMasks

NOW = datetime(2025, 11, 4, 12, tzinfo=UTC)
GROUND = Ground(32632, 499_200, 4_924_800, 480)
GEOBOX = geobox_around(32632, (499_200, 4_920_000, 504_000, 4_924_800))


@pytest.fixture(scope="module")
def radar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_radar(tmp_path_factory.mktemp("radar"), GROUND, datetime(2025, 11, 4, 5, 35, tzinfo=UTC), flood=True)


@pytest.fixture(scope="module")
def optical(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_optical(tmp_path_factory.mktemp("optical"), GROUND, datetime(2025, 11, 4, 10, tzinfo=UTC), flood=True)


def opened_radar(path: Path) -> RadarImage:
    return RadarImage(files_of(str(path), {}))


def opened_optical(path: Path) -> OpticalImage:
    return OpticalImage(files_of(str(path), {}), path.name)


def test_sigma_nought_is_calibrated_denoised_and_georeferenced(radar: Path) -> None:
    image = opened_radar(radar)
    sigma = image.onto(GEOBOX)
    image.close()
    truth = GROUND.truth(flood=True)
    checked = 0
    for kind in np.unique(truth):
        inside = sigma[binary_erosion(truth == kind, iterations=3)]
        if inside.size > 3000:
            assert 10 * np.log10(np.nanmean(inside)) == pytest.approx(DECIBELS[kind], abs=0.3), kind
            checked += 1
    assert checked >= 3
    assert image.problems == []


def test_reflectance_has_its_offset_and_clouds_are_known(optical: Path) -> None:
    image = opened_optical(optical)
    bands, clouds = image.onto(GEOBOX), image.clouds(GEOBOX)
    image.close()
    assert set(image.offsets.values()) == {-1000}
    assert clouds is not None
    assert clouds[:40, :40].all()
    assert not clouds[60:].any()
    assert np.median(bands[3][:30, :30]) - 1000 == pytest.approx(7000, abs=10)


def test_an_archive_reads_as_the_folder_does(radar: Path, tmp_path: Path) -> None:
    packed = tmp_path / f"{radar.stem}.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in radar.rglob("*"):
            archive.write(file, Path(radar.name) / file.relative_to(radar))
    first, second = opened_radar(radar), opened_radar(packed)
    np.testing.assert_array_equal(first.onto(GEOBOX), second.onto(GEOBOX))
    first.close()
    second.close()


def test_an_archive_that_climbs_out_of_its_folder_is_not_opened(tmp_path: Path) -> None:
    packed = tmp_path / "S1A_climbs.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../etc/passwd", "no")
    with pytest.raises(BadProduct, match="climbs out"):
        files_of(str(packed), {})


def test_a_file_that_claims_to_be_gigantic_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "S1A_IW_GRDH_1SDV_20251104T053500.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=90_000,
        height=90_000,
        count=1,
        dtype="uint8",
        sparse_ok=True,
        tiled=True,
        bigtiff="yes",
        crs=CRS.from_epsg(32632),
        transform=Affine(10, 0, 5e5, 0, -10, 5e6),
    ):
        pass
    with pytest.raises(BadProduct, match="90000 x 90000"):
        opened_radar(path)


def test_a_product_without_a_georeference_or_a_band_is_refused_with_its_reason(tmp_path: Path, optical: Path) -> None:
    path = tmp_path / "S1A_IW_GRDH_1SDV_20251104T053500.tif"
    with rasterio.open(path, "w", driver="GTiff", width=64, height=64, count=1, dtype="uint16") as out:
        out.write(np.ones((64, 64), np.uint16), 1)
    with pytest.raises(BadProduct, match="where is it"):
        opened_radar(path)
    bands = {"B02": "x", "B03": "y"}
    files = files_of(None, {name: str(next(optical.rglob(f"*_{name}_10m.jp2"))) for name in bands})
    with pytest.raises(BadProduct, match="no B04, B08"):
        OpticalImage(files, "S2A_MSIL2A_x")
    with pytest.raises(BadProduct, match="names no files"):
        files_of(None, {})
    with pytest.raises(BadProduct, match="mounted"):
        files_of(str(tmp_path / "nothing"), {})


def test_a_truncated_jpeg2000_says_so_and_leaves_no_picture(optical: Path, tmp_path: Path) -> None:
    import shutil

    broken = tmp_path / optical.name
    shutil.copytree(optical, broken)
    band = next(broken.rglob("*_B08_10m.jp2"))
    band.write_bytes(band.read_bytes()[: band.stat().st_size // 3])
    product = product_at(broken, NOW)
    (scene,) = scenes_of(product, [product], Rules())
    with pytest.raises(BadProduct, match="broken"):
        describe_scene(scene, tmp_path / "pictures")
    assert (tmp_path / "pictures").is_dir(), "pictures were begun"
    assert not list((tmp_path / "pictures").iterdir())


def test_a_product_of_nodata_only_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "S1A_IW_GRDH_1SDV_20251104T053500.tif"
    with rasterio.open(
        empty,
        "w",
        driver="GTiff",
        width=480,
        height=480,
        count=1,
        dtype="uint16",
        crs=CRS.from_epsg(32632),
        transform=Affine(10, 0, 499_200, 0, -10, 4_924_800),
    ) as out:
        out.write(np.zeros((480, 480), np.uint16), 1)
    product = product_at(empty, NOW)
    (scene,) = scenes_of(product, [product], Rules())
    with pytest.raises(BadProduct, match="nodata"):
        describe_scene(scene, None)


def test_a_radar_image_over_the_antimeridian_is_described_and_its_footprint_is_split(tmp_path: Path) -> None:
    path = tmp_path / "S1A_IW_GRDH_1SDV_20251104T053500.tif"
    size = 600
    gcps = [
        GroundControlPoint(row, column, (179.97 + column * 1e-4 + 180) % 360 - 180, -17.0 - row * 9e-5, 0)
        for row in np.linspace(0, size, 5)
        for column in np.linspace(0, size, 5)
    ]
    rng = np.random.default_rng(2)
    with rasterio.open(
        path, "w", driver="GTiff", width=size, height=size, count=1, dtype="uint16", gcps=gcps, crs=CRS.from_epsg(4326)
    ) as out:
        out.write(rng.integers(50, 200, (size, size), dtype=np.uint16), 1)
    product = product_at(path, NOW)
    assert product.footprint["type"] == "MultiPolygon"
    (scene,) = scenes_of(product, [product], Rules())
    described = describe_scene(scene, None, scale_levels=(120,))
    assert len(described.patches) >= 12
    longitudes = {round(patch.outline.centre[0]) for patch in described.patches if patch.outline}
    assert longitudes == {180, -180}


def test_there_is_no_water_on_steep_slopes_and_no_new_water_where_it_is_permanent(
    radar: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    reference = write_radar(
        tmp_path_factory.mktemp("reference"), GROUND, datetime(2025, 10, 23, 5, 35, tzinfo=UTC), flood=False, seed=9
    )
    products = [product_at(path, NOW) for path in (reference, radar)]
    (scene,) = scenes_of(products[1], products, Rules())
    west_half = np.zeros((48, 48), dtype=np.float32)
    west_half[:, :24] = 30

    def mask(name: str) -> Path:
        with rasterio.open(
            tmp_path / name,
            "w",
            driver="GTiff",
            width=48,
            height=48,
            count=1,
            dtype="float32",
            crs=CRS.from_epsg(32632),
            transform=Affine(100, 0, 499_200, 0, -100, 4_924_800),
        ) as out:
            out.write(west_half, 1)
        return tmp_path / name

    def shares(masks: ExclusionMasks | None) -> list[float]:
        """Of water, then of new water; in the western half, then in the eastern one."""
        described = describe_scene(scene, None, (480,), masks)
        steep = [patch.statistics["unseen_steep"] for patch in described.patches]
        assert (max(steep) > 0) == (masks is not None and masks.slope is not None)
        west, _, _, north = described.geobox.boundingbox
        row, column = round((north - 4_924_800) / 10), round((499_200 - west) / 10)
        halves = [slice(column, column + 240), slice(column + 240, column + 480)]
        waters = (described.water["sentinel-1"].mask, described.new_water["sentinel-1"].mask)
        return [float(water[row : row + 480, half].mean()) for water in waters for half in halves]

    plain = shares(None)
    assert min(plain) > 0.01
    assert shares(ExclusionMasks(slope=mask("slope.tif"))) == [0.0, plain[1], 0.0, plain[3]]
    assert shares(ExclusionMasks(hand=mask("hand.tif"))) == [plain[0], plain[1], 0.0, plain[3]]
    assert shares(ExclusionMasks(permanent_water=mask("water.tif"))) == [plain[0], plain[1], 0.0, plain[3]]


def test_a_radar_image_is_read_onto_a_neighbouring_zone(radar: Path) -> None:
    image = opened_radar(radar)
    own_zone = image.onto(GEOBOX)
    neighbouring_zone = image.onto(geobox_around(32631, (974_400, 4_900_800, 1_003_200, 4_948_800)))
    image.close()
    assert np.isfinite(neighbouring_zone).sum() > np.isfinite(own_zone).sum()
    assert np.nanmedian(neighbouring_zone) == pytest.approx(np.nanmedian(own_zone), rel=0.1)


def test_addresses_become_gdal_paths(optical: Path) -> None:
    band = next(optical.rglob("*_B02_10m.jp2"))
    assert gdal_path("https://example.org/a/B02.tif") == "/vsicurl/https://example.org/a/B02.tif"
    assert gdal_path(f"file://{band}") == gdal_path(str(band)) == str(band)
    with pytest.raises(BadProduct, match="no address"):
        gdal_path("ftp://example.org/B02.tif")


def test_the_real_samples_of_every_format_are_read(data: Path) -> None:
    samples = data / "sentinel_format_samples"
    grd = opened_radar(samples / "s1_grd_gcp_downsampled")
    assert grd.scale == "digital numbers"
    assert any("calibration" in problem for problem in grd.problems)
    lons, lats = zip(*grd.outline(), strict=True)
    # The footprint in the product's metadata.
    assert (min(lons), max(lons)) == pytest.approx((75.605, 78.204), abs=0.02)
    assert (min(lats), max(lats)) == pytest.approx((9.226, 11.190), abs=0.02)
    middle = geobox_around(32643, (700_000, 1_120_000, 740_000, 1_160_000))
    assert np.isfinite(grd.onto(middle)).mean() > 0.9
    grd.close()
    cog = opened_optical(samples / "s2_l2a_cog_100m_29RKH")
    geobox = geobox_around(32629, (220_000, 2_700_000, 260_000, 2_740_000))
    bands, clouds = cog.onto(geobox), cog.clouds(geobox)
    assert [float((band > 0).mean()) > 0.9 for band in bands] == [True] * 4
    assert clouds is not None
    cog.close()
    with pytest.raises(BadProduct, match="no B02, B03, B04, B08"):
        opened_optical(samples / "s2_l1c_jp2_19UDP")


def test_every_local_image_of_the_catalogue_is_described(data: Path) -> None:
    from stormpetrel.imagery.catalogue.notice import notice

    lines = (data / "sentinel_catalogue" / "notifications_for_local_images.jsonl").read_bytes().splitlines()
    products = [product for line in lines if (product := notice(line, data)) is not None]
    assert len(products) >= 15
    described, refused = 0, []
    for product in products:
        for scene in scenes_of(product, products, Rules()):
            try:
                described += bool(describe_scene(scene, None, scale_levels=(120,)).patches)
            except BadProduct as error:
                refused.append(f"{product.product_name}: {error}")
    assert described >= 12, refused
