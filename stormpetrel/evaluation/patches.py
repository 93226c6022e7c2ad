"""`eval patches`: how well descriptors retrieve patches of the same land cover, and how well water is detected."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from rasterio.warp import transform_geom

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.descriptor_retrieval import descriptor_retrieval
from stormpetrel.evaluation.folders import data_folders
from stormpetrel.evaluation.mask_agreement import agreement, brier
from stormpetrel.evaluation.water_images import water_images
from stormpetrel.evaluation.water_report import water_report
from stormpetrel.imagery.patches import histogram, weber
from stormpetrel.imagery.patches.cutting import early_fusion, unit
from stormpetrel.imagery.patches.descriptors import BANDS
from stormpetrel.imagery.readers.sentinel2 import POSITIONS, offset_in_name
from stormpetrel.imagery.water import detection as water
from stormpetrel.imagery.water.optical_probability import optical_probability

DESCRIPTORS = ("sar", "ms", "fused")
FEW = 30  # patches; with fewer, each is cut in four
Mask = NDArray[np.bool_]
Cut = tuple[slice, slice]


@dataclass(frozen=True)
class LabelledPatch:
    """A patch of a labelled set: its image, its labels, and its descriptors (unit vectors)."""

    image: str
    labels: frozenset[str]
    vectors: dict[str, NDArray[np.float32]]


def evaluate(data: Path) -> dict[str, Any]:
    """The report for a folder laid out like `s1s2_bigearthnet`, `s2_eurosat_small`, `s1s2_spain_flood_2019` or
    `s2_boadella_gloria_2020`, or a folder of such folders. Raises SetupError where none is there."""
    folders = data_folders(data)
    labelled = {folder.name: patches for folder in folders if (patches := read_labelled(folder))}
    scenes: dict[str, dict[str, Any]] = {}
    for folder in folders:
        scenes |= flood_scenes(folder) | lake_scenes(folder)
    if not labelled and not scenes:
        raise SetupError(f"nothing in {data} is laid out like s1s2_bigearthnet, EuroSAT, or the flood sets")
    sets = {name: _retrieval(patches) for name, patches in labelled.items()}
    main = next((scores for scores in sets.values() if scores["fused"] is not None), next(iter(sets.values()), None))
    summary = {name: main[name] if main else None for name in (*DESCRIPTORS, "ci")}
    return {"retrieval_map": summary, "sets": sets, "new_water": scenes, **water_report(folders)}


def read_labelled(folder: Path, cuts: int | None = None) -> list[LabelledPatch]:
    """The patches of a folder like `s1s2_bigearthnet` (pairs, by `patches.csv`) or of EuroSAT files
    (`Forest_1.tif`). Each pair is cut into `cuts` x `cuts` patches; if not given, as few as suffice."""
    if (folder / "patches.csv").is_file() and (folder / "S2").is_dir():
        return _bigearthnet(folder, cuts)
    files = [path for path in sorted(folder.glob("*_*.tif")) if path.stem.rsplit("_", 1)[-1].isdigit()]
    return [
        LabelledPatch(path.stem, frozenset({path.stem.rsplit("_", 1)[0]}), {"ms": vector})
        for path in files
        if (vector := _ms_of_file(path)) is not None
    ]


def _bigearthnet(folder: Path, cuts: int | None) -> list[LabelledPatch]:
    with (folder / "patches.csv").open(encoding="utf-8", newline="") as opened:
        records = list(csv.DictReader(opened))
    rows = [row for row in records if row["sensor"] == "S2"]
    partner_of = {row["paired_patch"]: row["patch"] for row in records if row["sensor"] == "S1"}
    cuts = cuts or (1 if len(rows) >= FEW else 2)
    patches = []
    for row in rows:
        name = row["patch"]
        labels = frozenset(part.strip() for part in row["labels_clc43"].split(";") if part.strip())
        bands = [_read(folder / "S2" / name / f"{name}_{band}.tif") for band in BANDS]
        radar_name = partner_of.get(name) or row.get("paired_patch") or ""
        radar_file = folder / "S1" / radar_name / f"{radar_name}_VV.tif"
        radar = _backscatter(radar_file) if radar_name and radar_file.is_file() else None
        side = bands[0].shape[0] // cuts
        offset = offset_in_name(name)
        patches += [
            LabelledPatch(name, labels, _describe(bands, offset, radar, cut, side))
            for cut in _cuts((cuts * side, cuts * side), side)
        ]
    return patches


def _cuts(shape: tuple[int, ...], side: int) -> list[Cut]:
    """The whole squares of `side` px, row by row."""
    starts = ((i * side, j * side) for i in range(shape[0] // side) for j in range(shape[1] // side))
    return [(slice(row, row + side), slice(column, column + side)) for row, column in starts]


def _describe(
    bands: Sequence[NDArray[Any]], offset: int, radar: NDArray[np.float32] | None, cut: Cut, side: int
) -> dict[str, NDArray[np.float32]]:
    """The descriptors of one cut of the images."""
    cut_bands = [np.ascontiguousarray(band[cut], np.uint16) for band in bands]
    vectors = {"ms": unit(histogram.histograms(cut_bands, (offset,) * 4, side))[0, 0]}
    if radar is not None:
        vectors["sar"] = unit(weber.weber(radar[cut], float(weber.epsilon_of(radar)), side))[0, 0]
        vectors["fused"] = early_fusion(vectors["sar"], vectors["ms"])
    return vectors


def _ms_of_file(path: Path) -> NDArray[np.float32] | None:
    with rasterio.open(path) as dataset:
        if dataset.count < 8:
            return None
        bands = [dataset.read(POSITIONS[band]) for band in BANDS]
    side = min(bands[0].shape)
    return _describe(bands, 0, None, (slice(None), slice(None)), side)["ms"]


def _read(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as dataset:
        band: NDArray[Any] = dataset.read(1)
        return band


def descriptor_matrices(patches: Sequence[LabelledPatch]) -> tuple[list[LabelledPatch], dict[str, NDArray[np.float32]]]:
    """The patches that have all descriptors that any of them has, and these patches' vectors by descriptor."""
    names = [name for name in DESCRIPTORS if any(name in patch.vectors for patch in patches)]
    whole = [patch for patch in patches if all(name in patch.vectors for name in names)]
    return whole, {name: np.stack([patch.vectors[name] for patch in whole]) for name in names} if whole else {}


def _retrieval(patches: Sequence[LabelledPatch]) -> dict[str, Any]:
    """A set's figures, over the patches that have all descriptors that any has."""
    whole, vectors = descriptor_matrices(patches)
    images, labels = [patch.image for patch in whole], [patch.labels for patch in whole]
    return {**dict.fromkeys(DESCRIPTORS), **descriptor_retrieval(images, labels, vectors)}


def flood_scenes(folder: Path) -> dict[str, dict[str, Any]]:
    """Scenes like `s1s2_spain_flood_2019`: radar alone, without a reference image, against the optical image's mask.

    The mask is NDWI's; so NDWI is not what is scored, and the figure says how far radar and NDWI agree.
    """
    scores = {}
    for image in water_images(folder):
        detected = water.radar_water(water.decibel_levels(image.backscatter[0]))
        scores[image.name] = agreement(detected.mask, image.water, detected.valid & image.valid)
    return scores


def flood_tiles(folder: Path, side: int) -> list[LabelledPatch]:
    """Scenes like `s1s2_spain_flood_2019` cut in tiles of `side` px: water bodies where the mask says so of a third.
    The mask is NDWI's, so that only the radar's descriptor is scored on what it has not seen."""
    tiles = []
    for image in water_images(folder):
        if image.optical is not None:
            with rasterio.open(image.optical) as dataset:
                bands = [_digital_numbers(dataset, band) for band in BANDS]
            for cut in _cuts(image.truth.shape, side):
                is_water = image.water[cut].mean() >= 1 / 3
                labels = frozenset({"Water bodies"}) if is_water else frozenset[str]()
                tiles.append(LabelledPatch(image.name, labels, _describe(bands, 0, image.backscatter[0], cut, side)))
    return tiles


def _backscatter(path: Path) -> NDArray[np.float32]:
    """Linear backscatter of a file in decibels."""
    return np.asarray(10 ** (_read(path) / 10), dtype=np.float32)


def _digital_numbers(dataset: rasterio.DatasetReader, band: str) -> NDArray[np.uint16]:
    return np.asarray(np.clip(dataset.read(POSITIONS[band]), 0, 65535), dtype=np.uint16)


def lake_scenes(folder: Path) -> dict[str, dict[str, Any]]:
    """Scenes like `s2_boadella_gloria_2020`: two dates, each with hand-drawn water; what is scored is the water that
    only the later one has."""
    images = sorted(path for path in folder.glob("*_????-??-??.tif"))
    labels = sorted(folder.glob("*_????-??-??_labels.geojson"))
    if len(images) < 2 or len(labels) < 2:
        return {}
    states, truths, levels = [], [], []
    for image, label in ((images[0], labels[0]), (images[-1], labels[-1])):
        with rasterio.open(image) as dataset:
            green, infrared = (_digital_numbers(dataset, band) for band in ("B03", "B08"))
            features = json.loads(label.read_text(encoding="utf-8"))["features"]
            polygons = [
                transform_geom("EPSG:4326", dataset.crs, feature["geometry"])
                for feature in features
                if feature["geometry"]["type"].endswith("Polygon")
            ]
            truths.append(~geometry_mask(polygons, dataset.shape, dataset.transform))
        levels.append(water.ndwi_levels(green, infrared, (0, 0)))
        states.append(water.optical_water(levels[-1]))
    new = water.new_optical_water(states[1], states[0])
    name = images[0].stem.rsplit("_", 1)[0]
    return {
        name: agreement(new.mask, truths[1] & ~truths[0], new.valid),
        f"{name}_water": agreement(states[1].mask, truths[1], states[1].valid)
        | {"brier": brier(optical_probability(levels[1]), truths[1], states[1].valid)},
    }
