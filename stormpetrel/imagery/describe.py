"""Describes a scene from its files, strip by strip. In memory are one strip, and some bytes a pixel of the scene."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.warp import transform_geom

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.patches.cutting import describe
from stormpetrel.imagery.patches.earth_model import EarthModel
from stormpetrel.imagery.patches.geobox import SCALE_LEVELS, outlines_of
from stormpetrel.imagery.patches.weber import epsilon_of
from stormpetrel.imagery.quicklook import PictureWriter, radar_grey, true_colour
from stormpetrel.imagery.readers.images import Images, ReferenceStrip, geobox_of, ndwi_levels, read_strip
from stormpetrel.imagery.readers.sentinel1 import RadarImage
from stormpetrel.imagery.registration import BLOCK, MOST_BLOCKS, Shift, block_shift, consensus_shift
from stormpetrel.imagery.types import Patch, Scene, Strip
from stormpetrel.imagery.water import detection as water
from stormpetrel.imagery.water.detection import Water, merged_water
from stormpetrel.imagery.water.exclusion_masks import ExclusionMasks

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

COARSE = SCALE_LEVELS[0]
STRIP = 2 * COARSE  # px
BLOCK_CACHE = 400_000_000  # bytes: JPEG2000 tiles that two strips need are decoded once
MOST_POLYGONS = 2000
SIMPLIFICATION = 10.0  # metres
Levels = dict[str, NDArray[np.uint8]]


@dataclass
class DescribedScene:
    """A scene's patches, water and pictures. `new_water` has an entry for each sensor with a reference image."""

    geobox: GeoBox
    patches: list[Patch]
    problems: list[str]
    shift: Shift | None = None
    water: dict[str, Water] = field(default_factory=dict)
    new_water: dict[str, Water] = field(default_factory=dict)
    pictures: dict[str, Path] = field(default_factory=dict)

    def new_water_polygons(self) -> dict[str, Any] | None:
        """The new water as a GeoJSON FeatureCollection, degrees, the largest first; None without a reference image."""
        new_water = merged_water(self.new_water)
        if new_water is None:
            return None
        outlines = shapes(new_water.mask.astype(np.uint8), mask=new_water.mask, transform=self.geobox.transform)
        polygons = [shapely.geometry.shape(geometry) for geometry, _ in outlines]
        polygons.sort(key=lambda polygon: -polygon.area)
        features = []
        for polygon in polygons[:MOST_POLYGONS]:
            simplified = shapely.geometry.mapping(polygon.simplify(SIMPLIFICATION))
            geometry = transform_geom(self.geobox.crs, "EPSG:4326", simplified, precision=6)
            features.append({"type": "Feature", "geometry": geometry, "properties": {"area_m2": round(polygon.area)}})
        return {"type": "FeatureCollection", "features": features}


def describe_scene(
    scene: Scene,
    pictures: Path | None,
    scale_levels: tuple[int, ...] = SCALE_LEVELS,
    masks: ExclusionMasks | None = None,
    model: EarthModel | None = None,
) -> DescribedScene:
    """Reads, registers, cuts and describes a scene, and writes its pictures into the folder `pictures`. With a `model`,
    patches whose images have its channels have an embedding too.

    Raises BadProduct where one of its products cannot be used; then no picture of it is left behind.
    """
    with rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE), ExitStack() as stack:
        images = Images(scene, stack)
        described = DescribedScene(geobox_of(scene, images.optical), [], images.problems)
        writers = _picture_writers(pictures, images, described.geobox)
        try:
            levels = _describe_strips(images, scale_levels, described, writers, model)
            described.patches = _inside(scene.footprint, described.patches)
            if not described.patches:
                raise BadProduct("all of it is nodata: no patch has half of its pixels")
            _detect_water(images, levels, described)
            if masks is not None:
                _exclude(masks, described)
            if pictures is not None and described.water:
                writers["change"] = PictureWriter(pictures / "change.tif", "change", described.geobox)
                _write_change(writers["change"], described)
            with ThreadPoolExecutor(2) as threads:
                list(threads.map(PictureWriter.finish, writers.values()))
        except BaseException:
            for writer in writers.values():
                writer.abandon()
            raise
        described.pictures = {kind: writer.path for kind, writer in writers.items()}
        return described


def _inside(footprint: Any, patches: list[Patch]) -> list[Patch]:
    """The patches with their outlines whose centre is in the scene's footprint: others belong to another scene."""
    outlines = outlines_of([patch.footprint for patch in patches])
    for patch, outline in zip(patches, outlines, strict=True):
        patch.outline = outline
    inside = shapely.contains_xy(footprint, np.array([outline.centre for outline in outlines]).reshape(-1, 2))
    return [patch for patch, is_inside in zip(patches, inside, strict=True) if is_inside]


def _picture_writers(pictures: Path | None, images: Images, geobox: GeoBox) -> dict[str, PictureWriter]:
    if pictures is None:
        return {}
    kinds = {"s1": images.radar, "s2": images.optical}
    return {kind: PictureWriter(pictures / f"{kind}.tif", kind, geobox) for kind, image in kinds.items() if image}


def _rows(geobox: GeoBox) -> Iterator[slice]:
    """The rows of pixels of each strip, from north to south."""
    return (slice(top, min(top + STRIP, geobox.height)) for top in range(0, geobox.height, STRIP))


def _scene_epsilon(radar: RadarImage, geobox: GeoBox) -> float:
    """From four coarse patches spread over the scene, in an order that any number of them covers."""
    rows, columns = geobox.height // COARSE, geobox.width // COARSE
    samples = []
    for number in np.random.default_rng(7).permutation(rows * columns)[:4].tolist():
        top, left = number // columns * COARSE, number % columns * COARSE
        samples.append(radar.onto(geobox[top : top + COARSE, left : left + COARSE])[::4, ::4].ravel())
    return float(epsilon_of(np.concatenate(samples)))


def _describe_strips(
    images: Images,
    scale_levels: tuple[int, ...],
    described: DescribedScene,
    writers: dict[str, PictureWriter],
    model: EarthModel | None,
) -> Levels:
    """Reads every strip once: describes its patches, writes its pictures, and returns the levels of water detection."""
    geobox = described.geobox
    epsilon = _scene_epsilon(images.radar, geobox) if images.radar else 0.0
    names = ("radar", "optical", "radar_reference", "optical_reference")
    levels = {name: np.full(geobox.shape, water.NODATA) for name in names if getattr(images, name) is not None}
    shifts: list[tuple[float, float]] = []
    for rows in _rows(geobox):
        strip, reference = read_strip(images, geobox[rows])
        for scale_level in scale_levels:
            for patch in describe(strip, scale_level, epsilon, images.offsets, model):
                patch.index = (patch.index[0] + rows.start // scale_level, patch.index[1])
                described.patches.append(patch)
        for name, values in _strip_levels(images, strip, reference).items():
            levels[name][rows] = values
        if strip.radar is not None and "s1" in writers:
            writers["s1"].write(rows, radar_grey(strip.radar))
        if strip.optical is not None and "s2" in writers:
            writers["s2"].write(rows, true_colour(strip.optical, images.offsets))
        shifts += _block_shifts(strip, MOST_BLOCKS - len(shifts))
    described.shift = consensus_shift(shifts)
    return levels


def _strip_levels(images: Images, strip: Strip, reference: ReferenceStrip) -> Levels:
    levels = {}
    if strip.radar is not None:
        levels["radar"] = water.decibel_levels(strip.radar)
    if strip.optical is not None and images.optical is not None:
        levels["optical"] = ndwi_levels(strip.optical[1], strip.optical[3], images.optical, strip.clouds)
    if reference.radar is not None:
        levels["radar_reference"] = water.decibel_levels(reference.radar)
    if reference.ndwi is not None:
        levels["optical_reference"] = reference.ndwi
    return levels


def _block_shifts(strip: Strip, most: int) -> list[tuple[float, float]]:
    """The shifts of a few blocks spread over a strip, at most `most`."""
    shifts: list[tuple[float, float]] = []
    if strip.radar is None or strip.optical is None:
        return shifts
    rows, columns = strip.geobox.height // BLOCK, strip.geobox.width // BLOCK
    for number in range(0, rows * columns, max(1, rows * columns // 4)):
        if len(shifts) >= most:
            break
        i, j = divmod(number, columns)
        window = (slice(i * BLOCK, (i + 1) * BLOCK), slice(j * BLOCK, (j + 1) * BLOCK))
        with np.errstate(divide="ignore"):
            decibels = 10 * np.log10(np.maximum(strip.radar[window], 1e-6))
        infrared = strip.optical[3][window].astype(np.float32)
        infrared[infrared == 0] = np.nan
        shift = block_shift(decibels, infrared)
        if shift is not None:
            shifts.append(shift)
    return shifts


def _detect_water(images: Images, levels: Levels, described: DescribedScene) -> None:
    """Water and new water of each sensor. Radar needs calibrated backscatter."""
    detectors = {
        name: water.radar_water if name.startswith("radar") else water.optical_water
        for name in levels
        if name != "radar" or (images.radar is not None and images.radar.calibrated)
    }
    with ThreadPoolExecutor(2) as threads:
        jobs = {name: threads.submit(detect, levels[name]) for name, detect in detectors.items()}
        masks = {name: job.result() for name, job in jobs.items()}
    if "radar" in masks:
        described.water["sentinel-1"] = radar = masks["radar"]
        if reference := masks.get("radar_reference"):
            described.new_water["sentinel-1"] = water.new_radar_water(
                radar, reference, levels["radar"], levels["radar_reference"]
            )
    if "optical" in masks:
        described.water["sentinel-2"] = masks["optical"]
        if reference := masks.get("optical_reference"):
            described.new_water["sentinel-2"] = water.new_optical_water(masks["optical"], reference)


def _exclude(masks: ExclusionMasks, described: DescribedScene) -> None:
    """Removes water on steep slopes, and new water where water is permanent."""
    for rows in _rows(described.geobox):
        strip = described.geobox[rows]
        steep, permanent = masks.steep(strip), masks.permanent(strip)
        if steep is not None:
            for detected in (*described.water.values(), *described.new_water.values()):
                detected.mask[rows] &= ~steep
        if permanent is not None:
            for detected in described.new_water.values():
                detected.mask[rows] &= ~permanent


def _write_change(writer: PictureWriter, described: DescribedScene) -> None:
    detected, new_water = merged_water(described.water), merged_water(described.new_water)
    assert detected is not None
    classes = detected.valid.astype(np.uint8)
    classes[detected.mask & detected.valid] = 2
    if new_water is not None:
        classes[new_water.mask] = 3
    writer.write(slice(0, described.geobox.height), classes[None])
