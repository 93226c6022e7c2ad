"""A scene from its files to described patches, strip by strip: what is in memory is a strip and some bytes a pixel."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.warp import transform_geom

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.pairing import Scene
from stormpetrel.imagery.patches.cutting import Patch, Strip, describe
from stormpetrel.imagery.patches.earth_model import EarthModel
from stormpetrel.imagery.patches.geobox import RESOLUTION, SCALE_LEVELS, GeoBox, outlines_of
from stormpetrel.imagery.patches.weber import epsilon_of
from stormpetrel.imagery.quicklook import PictureWriter, radar_grey, true_colour
from stormpetrel.imagery.readers.images import Before, Images, frame_of, ndwi, read_strip
from stormpetrel.imagery.readers.sentinel1 import RadarImage
from stormpetrel.imagery.registration import BLOCK, MOST_BLOCKS, Shift, agreed, block_shift
from stormpetrel.imagery.water import detection as water
from stormpetrel.imagery.water.detection import Water
from stormpetrel.imagery.water.exclusion_masks import GroundMasks

STRIP = 960  # px
BLOCK_CACHE = 400_000_000  # bytes: JPEG2000 tiles that two strips need are decoded once
LARGEST_POLYGONS = 2000
SIMPLIFY = 10.0  # metres


@dataclass
class Described:
    """All that was found out about a scene. `new` is new water of each sensor that has a before-image."""

    geobox: GeoBox
    patches: list[Patch]
    problems: list[str]
    shift: Shift | None = None
    water: dict[str, Water] = field(default_factory=dict)
    new: dict[str, Water] = field(default_factory=dict)
    pictures: dict[str, Path] = field(default_factory=dict)

    def new_water_polygons(self) -> dict[str, Any] | None:
        """The new water as a GeoJSON FeatureCollection, degrees, the largest first; None where nothing is known."""
        if not self.new:
            return None
        mask = merged(self.new)[0]
        found = shapes(mask.astype(np.uint8), mask=mask, transform=self.geobox.transform)
        polygons = [shapely.geometry.shape(geometry) for geometry, _ in found]
        polygons.sort(key=lambda polygon: -polygon.area)
        features = []
        for polygon in polygons[:LARGEST_POLYGONS]:
            simple = shapely.geometry.mapping(polygon.simplify(SIMPLIFY))
            geometry = transform_geom(self.geobox.crs, "EPSG:4326", simple, precision=6)
            features.append({"type": "Feature", "geometry": geometry, "properties": {"area_m2": round(polygon.area)}})
        return {"type": "FeatureCollection", "features": features}


def merged(found: dict[str, Water]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], float]:
    """(water, known, confidence) of both sensors. Radar sees through clouds and counts wherever it knows; the optical
    image fills in where it does not. The confidence is the better one's."""
    radar, optical = found.get("sentinel-1"), found.get("sentinel-2")
    if radar is None or optical is None:
        only = radar or optical
        assert only is not None
        return only.mask, only.known, only.confidence
    mask = (radar.mask & radar.known) | (optical.mask & optical.known & ~radar.known)
    return mask, radar.known | optical.known, max(radar.confidence, optical.confidence)


class Levels:
    """One byte a pixel of the whole frame, filled strip by strip."""

    def __init__(self, geobox: GeoBox) -> None:
        self._frame = geobox
        self.values = np.full((geobox.height, geobox.width), water.UNKNOWN, dtype=np.uint8)

    def put(self, strip: GeoBox, values: NDArray[np.uint8]) -> None:
        top = round((self._frame.north - strip.north) / RESOLUTION)
        self.values[top : top + strip.height] = values


def describe_scene(
    scene: Scene,
    pictures: Path | None,
    scale_levels: tuple[int, ...] = SCALE_LEVELS,
    masks: GroundMasks | None = None,
    model: EarthModel | None = None,
) -> Described:
    """Reads, registers, cuts and describes a scene, and writes its pictures into the folder `pictures`. Patches have an
    embedding too where a `model` is given and their images have its channels.

    Raises BadProduct where one of its products cannot be worked on; then no picture of it is left behind.
    """
    with rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE), ExitStack() as stack:
        images = Images(scene, stack)
        geobox = frame_of(scene, images.optical)
        found = Described(geobox, [], images.problems)
        epsilon = _epsilon(images.radar, geobox) if images.radar else 0.0
        writers = _writers(pictures, images, geobox)
        try:
            levels = _walk(images, geobox, scale_levels, epsilon, found, writers, model)
            found.patches = _within(scene.ground, found.patches)
            if not found.patches:
                raise BadProduct("all of it is nodata: no square of ground has half of its pixels")
            _find_water(images, levels, found)
            if masks is not None:
                _apply(masks, found)
            if pictures is not None and found.water:
                _write_change(pictures, found, writers)
            with ThreadPoolExecutor(2) as threads:
                list(threads.map(PictureWriter.finish, writers.values()))
        except BaseException:
            for writer in writers.values():
                writer.abandon()
            raise
        found.pictures = {kind: writer.path for kind, writer in writers.items()}
        return found


def _within(ground: Any, patches: list[Patch]) -> list[Patch]:
    """The patches whose centre is on the scene's ground: what lies beyond belongs to another scene."""
    if not patches:
        return []
    outlines = outlines_of([patch.footprint for patch in patches])
    inside = shapely.contains_xy(ground, np.array([outline.centre for outline in outlines]))
    for patch, outline in zip(patches, outlines, strict=True):
        patch.outline = outline
    return [patch for patch, kept in zip(patches, inside, strict=True) if kept]


def _writers(pictures: Path | None, images: Images, geobox: GeoBox) -> dict[str, PictureWriter]:
    kinds = {"s1": images.radar, "s2": images.optical}
    if pictures is None:
        return {}
    return {kind: PictureWriter(pictures / f"{kind}.tif", kind, geobox) for kind, image in kinds.items() if image}


def _samples(geobox: GeoBox, most: int) -> Iterator[GeoBox]:
    """Coarse squares spread over a frame, in a chequered order that any number of them covers."""
    rows, columns = geobox.height // geobox.step, geobox.width // geobox.step
    order = np.random.default_rng(7).permutation(rows * columns)
    for place in order[:most]:
        i, j = divmod(int(place), columns)
        yield GeoBox(
            geobox.epsg,
            geobox.west + j * geobox.step * RESOLUTION,
            geobox.north - i * geobox.step * RESOLUTION,
            geobox.step,
            geobox.step,
            geobox.step,
        )


def _epsilon(radar: RadarImage, geobox: GeoBox) -> float:
    looked_at = [radar.onto(sample)[::4, ::4].ravel() for sample in _samples(geobox, 4)]
    return float(epsilon_of(np.concatenate(looked_at)))


def _walk(
    images: Images,
    geobox: GeoBox,
    scale_levels: tuple[int, ...],
    epsilon: float,
    found: Described,
    writers: dict[str, PictureWriter],
    model: EarthModel | None,
) -> dict[str, Levels]:
    """Goes over the strips once; what water needs of the whole scene comes back."""
    open_images = {
        "radar": images.radar,
        "optical": images.optical,
        "radar before": images.radar_before,
        "optical before": images.optical_before,
    }
    levels = {name: Levels(geobox) for name, image in open_images.items() if image is not None}
    shifts: list[tuple[float, float]] = []
    for place in geobox.strips(STRIP):
        strip, before = read_strip(images, place)
        for side in scale_levels:
            found.patches += _placed(describe(strip, side, epsilon, images.offsets, model), place, geobox, side)
        for name, values in _levels(images, strip, before).items():
            levels[name].put(place, values)
        if strip.radar is not None and "s1" in writers:
            writers["s1"].write(place, radar_grey(strip.radar))
        if strip.optical is not None and "s2" in writers:
            writers["s2"].write(place, true_colour(strip.optical, images.offsets))
        if strip.radar is not None and strip.optical is not None:
            shifts += _shifts(strip, MOST_BLOCKS - len(shifts))
    found.shift = agreed(shifts)
    return levels


def _levels(images: Images, strip: Strip, before: Before) -> dict[str, NDArray[np.uint8]]:
    found = {}
    if strip.radar is not None:
        found["radar"] = water.decibel_levels(strip.radar)
    if strip.optical is not None and images.optical is not None:
        found["optical"] = ndwi(strip.optical[1], strip.optical[3], images.optical, strip.clouds)
    if before.radar is not None:
        found["radar before"] = water.decibel_levels(before.radar)
    if before.ndwi is not None:
        found["optical before"] = before.ndwi
    return found


def _placed(patches: list[Patch], strip: GeoBox, geobox: GeoBox, side: int) -> list[Patch]:
    """Places within the strip become places within the frame."""
    above = round((geobox.north - strip.north) / RESOLUTION) // side
    for patch in patches:
        patch.place = (patch.place[0] + above, patch.place[1])
    return patches


def _shifts(strip: Strip, most: int) -> list[tuple[float, float]]:
    """Shifts of blocks spread over a strip, at most a few of each."""
    assert strip.radar is not None and strip.optical is not None
    found: list[tuple[float, float]] = []
    rows, columns = strip.geobox.height // BLOCK, strip.geobox.width // BLOCK
    step = max(1, rows * columns // 4)
    for place in range(0, rows * columns, step):
        if len(found) >= most:
            break
        i, j = divmod(place, columns)
        cut = (slice(i * BLOCK, (i + 1) * BLOCK), slice(j * BLOCK, (j + 1) * BLOCK))
        with np.errstate(divide="ignore"):
            decibels = 10 * np.log10(np.maximum(strip.radar[cut], 1e-6))
        infrared = strip.optical[3][cut].astype(np.float32)
        infrared[infrared == 0] = np.nan
        shift = block_shift(decibels, infrared)
        if shift is not None:
            found.append(shift)
    return found


def _find_water(images: Images, levels: dict[str, Levels], found: Described) -> None:
    """Water of each sensor, and what of it is new."""
    radar, optical, radar_before, optical_before = (
        levels[name].values if name in levels else None
        for name in ("radar", "optical", "radar before", "optical before")
    )
    with ThreadPoolExecutor(2) as threads:
        jobs = {
            "now": threads.submit(water.radar_water, radar)
            if radar is not None and images.radar is not None and images.radar.calibrated
            else None,
            "ndwi": threads.submit(water.optical_water, optical) if optical is not None else None,
            "before": threads.submit(water.radar_water, radar_before) if radar_before is not None else None,
            "ndwi before": threads.submit(water.optical_water, optical_before) if optical_before is not None else None,
        }
        masks = {name: job.result() for name, job in jobs.items() if job is not None}
    if "now" in masks:
        found.water["sentinel-1"] = masks["now"]
        if "before" in masks and radar is not None and radar_before is not None:
            found.new["sentinel-1"] = water.new_radar_water(masks["now"], masks["before"], radar, radar_before)
    if "ndwi" in masks:
        found.water["sentinel-2"] = masks["ndwi"]
        if "ndwi before" in masks:
            found.new["sentinel-2"] = water.new_optical_water(masks["ndwi"], masks["ndwi before"])


def _apply(masks: GroundMasks, found: Described) -> None:
    """No water on steep ground, and none that is new where water always is."""
    for place in found.geobox.strips(STRIP):
        top = round((found.geobox.north - place.north) / RESOLUTION)
        rows = slice(top, top + place.height)
        steep, permanent = masks.steep(place), masks.permanent(place)
        for told, is_new in [
            *((one, False) for one in found.water.values()),
            *((one, True) for one in found.new.values()),
        ]:
            if steep is not None:
                told.mask[rows] &= ~steep
            if permanent is not None and is_new:
                told.mask[rows] &= ~permanent


def _write_change(pictures: Path, found: Described, writers: dict[str, PictureWriter]) -> None:
    mask, known, _ = merged(found.water)
    classes = known.astype(np.uint8)
    classes[mask & known] = 2
    if found.new:
        classes[merged(found.new)[0]] = 3
    writers["change"] = PictureWriter(pictures / "change.tif", "change", found.geobox)
    writers["change"].write(found.geobox, classes[None])
