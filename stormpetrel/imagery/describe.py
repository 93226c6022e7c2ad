"""Describes a scene from its files, strip by strip. In memory are one strip, and some bytes a pixel of the scene."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from odc.geo.geobox import GeoBox
from rasterio.features import shapes
from rasterio.warp import transform_geom

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.patches.cutting import block_sums, describe
from stormpetrel.imagery.patches.earth_model import EarthModel
from stormpetrel.imagery.patches.geobox import SCALE_LEVELS, outlines_of
from stormpetrel.imagery.patches.weber import epsilon_of
from stormpetrel.imagery.quicklook import PictureWriter, radar_grey, true_colour
from stormpetrel.imagery.readers.images import Images, Levels, geobox_of, read_strip
from stormpetrel.imagery.readers.sentinel1 import RadarImage
from stormpetrel.imagery.registration import BLOCK, MOST_BLOCKS, Shift, block_shift, consensus_shift
from stormpetrel.imagery.types import Patch, Scene, Strip, UInt8
from stormpetrel.imagery.water import detection as water
from stormpetrel.imagery.water.detection import Water, merged_water
from stormpetrel.imagery.water.exclusion_masks import ExclusionMasks
from stormpetrel.imagery.water.unseen import Unseen, unseen_ground

COARSE = SCALE_LEVELS[0]
STRIP = 2 * COARSE  # px
BLOCK_CACHE = 400_000_000  # bytes: JPEG2000 tiles that two strips need are decoded once
MOST_POLYGONS = 2000
SIMPLIFICATION = 10.0  # metres
SENSORS = {"radar": "sentinel-1", "optical": "sentinel-2"}


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
    unseen: UInt8 | None = None  # why new water cannot be seen, where there is a radar reference image

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
            _add_unseen(described)
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
    """The scene's epsilon, estimated from four coarse patches at random places."""
    rows, columns = geobox.height // COARSE, geobox.width // COARSE
    numbers = np.random.default_rng(7).permutation(rows * columns)[:4].tolist()
    corners = [(number // columns * COARSE, number % columns * COARSE) for number in numbers]
    samples = [radar.onto(geobox[top : top + COARSE, left : left + COARSE])[::4, ::4] for top, left in corners]
    return float(epsilon_of(np.stack(samples)))


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
        strip, strip_levels = read_strip(images, geobox[rows])
        for scale_level in scale_levels:
            for patch in describe(strip, scale_level, epsilon, images.offsets, model):
                patch.index = (patch.index[0] + rows.start // scale_level, patch.index[1])
                described.patches.append(patch)
        for name, values in strip_levels.items():
            levels[name][rows] = values
        if strip.radar is not None and "s1" in writers:
            writers["s1"].write(rows, radar_grey(strip.radar))
        if strip.optical is not None and "s2" in writers:
            writers["s2"].write(rows, true_colour(strip.optical, images.offsets))
        shifts += _block_shifts(strip, MOST_BLOCKS - len(shifts))
    described.shift = consensus_shift(shifts)
    return levels


def _block_shifts(strip: Strip, most: int) -> list[tuple[float, float]]:
    """The shifts of a few blocks spread over a strip, at most `most`."""
    if strip.radar is None or strip.optical is None:
        return []
    shifts: list[tuple[float, float]] = []
    rows, columns = strip.geobox.height // BLOCK, strip.geobox.width // BLOCK
    for number in range(0, rows * columns, max(1, rows * columns // 4)):
        i, j = divmod(number, columns)
        window = (slice(i * BLOCK, (i + 1) * BLOCK), slice(j * BLOCK, (j + 1) * BLOCK))
        infrared = np.where(strip.optical[3][window] > 0, strip.optical[3][window], np.float32(np.nan))
        decibels = 10 * np.log10(np.maximum(strip.radar[window], 1e-6))
        if len(shifts) < most and (shift := block_shift(decibels, infrared)):
            shifts.append(shift)
    return shifts


def _detect_water(images: Images, levels: Levels, described: DescribedScene) -> None:
    """Water and new water of each sensor. Radar needs calibrated backscatter."""
    if images.radar is not None and not images.radar.calibrated:
        levels = {name: values for name, values in levels.items() if not name.startswith("radar")}
    with ThreadPoolExecutor(2) as threads:
        jobs = {
            name: threads.submit(water.radar_water if name.startswith("radar") else water.optical_water, values)
            for name, values in levels.items()
        }
    masks = {name: job.result() for name, job in jobs.items()}
    described.water = {sensor: masks[name] for name, sensor in SENSORS.items() if name in masks}
    if "radar" in masks and "radar_reference" in masks:
        radars = masks["radar"], masks["radar_reference"], levels["radar"], levels["radar_reference"]
        described.new_water["sentinel-1"] = water.new_radar_water(*radars)
        described.unseen = unseen_ground(levels["radar_reference"], masks["radar_reference"].mask)
    if "optical" in masks and "optical_reference" in masks:
        described.new_water["sentinel-2"] = water.new_optical_water(masks["optical"], masks["optical_reference"])


def _exclude(masks: ExclusionMasks, described: DescribedScene) -> None:
    """Removes water on steep slopes, and new water where water is permanent or the ground is high."""
    new_water = list(described.new_water.values())
    all_water = [*described.water.values(), *new_water]
    for mask, waters in ((masks.steep, all_water), (masks.permanent, new_water), (masks.high, new_water)):
        for rows in _rows(described.geobox):
            if (excluded := mask(described.geobox[rows])) is not None:
                for detected in waters:
                    detected.mask[rows] &= ~excluded
                if described.unseen is not None and mask == masks.steep:
                    described.unseen[rows][excluded] = Unseen.STEEP


def _add_unseen(described: DescribedScene) -> None:
    """Gives every patch the shares of its ground on which new water cannot be seen, by reason."""
    if described.unseen is None:
        return
    scale_levels = {patch.footprint.scale_level for patch in described.patches}
    common = math.gcd(*scale_levels)  # px; the scene is counted once, and the levels add up these counts
    for reason in Unseen:
        counts = block_sums(described.unseen == reason, common)
        shares = {level: block_sums(counts, level // common) / level**2 for level in scale_levels}
        for patch in described.patches:
            share = float(shares[patch.footprint.scale_level][patch.index])
            patch.statistics[f"unseen_{reason.name.lower()}"] = round(share, 5)


def _write_change(writer: PictureWriter, described: DescribedScene) -> None:
    detected, new_water = merged_water(described.water), merged_water(described.new_water)
    assert detected is not None
    classes = detected.valid.astype(np.uint8)
    classes[detected.mask & detected.valid] = 2
    if new_water is not None:
        classes[new_water.mask] = 3
    writer.write(slice(0, described.geobox.height), classes[None])
