"""`eval patches`: how well descriptors find patches of the same land cover, and how well water is found."""

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
from stormpetrel.imagery.patches import histogram, weber
from stormpetrel.imagery.patches.cutting import early_fusion, unit
from stormpetrel.imagery.patches.descriptors import BANDS
from stormpetrel.imagery.readers.sentinel2 import POSITIONS, offset_in_name
from stormpetrel.imagery.water import detection as water

FEW = 30  # patches; with fewer, each is cut in four
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Labelled:
    """A patch of a labelled set: its image, its labels, and what each descriptor makes of it (unit vectors)."""

    image: str
    labels: frozenset[str]
    vectors: dict[str, NDArray[np.float32]]


def evaluate(data: Path) -> dict[str, Any]:
    """The report for a folder laid out like `s1s2_bigearthnet`, `s2_eurosat_small`, `s1s2_spain_flood_2019` or
    `s2_boadella_gloria_2020`, or a folder of such folders. Raises SetupError where none is there."""
    folders = [data, *sorted(path for path in data.iterdir() if path.is_dir())]
    labelled = {folder.name: found for folder in folders if (found := read_labelled(folder))}
    scenes: dict[str, dict[str, Any]] = {}
    for folder in folders:
        scenes |= flood_scenes(folder) | lake_scenes(folder)
    if not labelled and not scenes:
        raise SetupError(f"nothing in {data} is laid out like s1s2_bigearthnet, EuroSAT, or the flood sets")
    sets = {name: retrieval(found) for name, found in labelled.items()}
    both = next((found for found in sets.values() if found["fused"] is not None), next(iter(sets.values()), None))
    summary = {name: both[name] for name in ("sar", "ms", "fused")} if both else dict.fromkeys(("sar", "ms", "fused"))
    return {"retrieval_map": summary, "sets": sets, "new_water": scenes}


def read_labelled(folder: Path, cuts: int | None = None) -> list[Labelled]:
    """The patches of a folder like `s1s2_bigearthnet` (pairs, by `patches.csv`) or of EuroSAT files
    (`Forest_1.tif`). `cuts` a side says into how many each pair is cut: as few as there must be if not given."""
    if (folder / "patches.csv").is_file() and (folder / "S2").is_dir():
        return _bigearthnet(folder, cuts)
    files = [path for path in sorted(folder.glob("*_*.tif")) if path.stem.rsplit("_", 1)[-1].isdigit()]
    return [
        Labelled(path.stem, frozenset({path.stem.rsplit("_", 1)[0]}), {"ms": vector})
        for path in files
        if (vector := _ms_of_file(path)) is not None
    ]


def _bigearthnet(folder: Path, given: int | None) -> list[Labelled]:
    with (folder / "patches.csv").open(encoding="utf-8", newline="") as opened:
        listed = list(csv.DictReader(opened))
    rows = [row for row in listed if row["sensor"] == "S2"]
    partner_of = {row["paired_patch"]: row["patch"] for row in listed if row["sensor"] == "S1"}
    cuts = given or (1 if len(rows) >= FEW else 2)
    found = []
    for row in rows:
        name = row["patch"]
        labels = frozenset(part.strip() for part in row["labels_clc43"].split(";") if part.strip())
        bands = [_read(folder / "S2" / name / f"{name}_{band}.tif") for band in BANDS]
        radar_name = partner_of.get(name) or row.get("paired_patch") or ""
        radar_file = folder / "S1" / radar_name / f"{radar_name}_VV.tif"
        radar = (10 ** (_read(radar_file) / 10)).astype(np.float32) if radar_name and radar_file.is_file() else None
        side = bands[0].shape[0] // cuts
        offset = offset_in_name(name)
        for i in range(cuts):
            for j in range(cuts):
                cut = (slice(i * side, (i + 1) * side), slice(j * side, (j + 1) * side))
                found.append(Labelled(name, labels, _describe([band[cut] for band in bands], offset, radar, cut, side)))
    return found


def _describe(
    bands: Sequence[NDArray[Any]], offset: int, radar: NDArray[np.float32] | None, cut: tuple[slice, slice], side: int
) -> dict[str, NDArray[np.float32]]:
    counts = histogram.histograms([np.ascontiguousarray(band, np.uint16) for band in bands], (offset,) * 4, side)
    vectors = {"ms": unit(counts)[0, 0]}
    if radar is not None:
        vectors["sar"] = unit(weber.weber(radar[cut], float(weber.epsilon_of(radar)), side))[0, 0]
        vectors["fused"] = early_fusion(vectors["sar"], vectors["ms"])
    return vectors


def _ms_of_file(path: Path) -> NDArray[np.float32] | None:
    with rasterio.open(path) as dataset:
        if dataset.count < 8:
            return None
        bands = [dataset.read(POSITIONS[band]).astype(np.uint16) for band in BANDS]
    found: NDArray[np.float32] = unit(histogram.histograms(bands, scale_level=min(bands[0].shape)))[0, 0]
    return found


def _read(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as dataset:
        found: NDArray[Any] = dataset.read(1)
        return found


def retrieval(patches: Sequence[Labelled]) -> dict[str, Any]:
    """mAP by label for each descriptor, over the patches that have all descriptors that any has. For each label and
    each patch with it, the other images' patches are ranked by cosine; relevant are those with the label; the mean is
    over labels, then over their queries. A patch never finds its own image."""
    names = [name for name in ("sar", "ms", "fused") if any(name in patch.vectors for patch in patches)]
    whole = [patch for patch in patches if all(name in patch.vectors for name in names)]
    found: dict[str, Any] = {"patches": len(whole), "images": len({patch.image for patch in whole})}
    by_label: dict[str, dict[str, float]] = {}
    for name in ("sar", "ms", "fused"):
        found[name] = None
        if name in names:
            scores = _average_precisions(whole, np.stack([patch.vectors[name] for patch in whole]))
            found[name] = round(float(np.mean(list(scores.values()))), 4) if scores else None
            for label, score in scores.items():
                by_label.setdefault(label, {})[name] = round(score, 4)
    return {**found, "by_label": by_label}


def _average_precisions(patches: Sequence[Labelled], vectors: NDArray[np.float32]) -> dict[str, float]:
    cosines = vectors @ vectors.T
    images = np.array([patch.image for patch in patches])
    found: dict[str, float] = {}
    for label in sorted(set().union(*(patch.labels for patch in patches))):
        has = np.array([label in patch.labels for patch in patches])
        scores = []
        for query in np.flatnonzero(has):
            others = np.flatnonzero(images != images[query])
            relevant = has[others][np.argsort(-cosines[query, others], kind="stable")]
            if relevant.any() and not relevant.all():
                ranks = np.flatnonzero(relevant) + 1
                scores.append(float((np.arange(1, len(ranks) + 1) / ranks).mean()))
        if scores:
            found[label] = float(np.mean(scores))
    return found


def flood_scenes(folder: Path) -> dict[str, dict[str, Any]]:
    """Scenes like `s1s2_spain_flood_2019`: radar alone, without a before-image, against the mask of the optical image.

    The mask is NDWI's; so NDWI is not what is scored, and the figure says how far radar and NDWI agree.
    """
    found = {}
    for path in sorted(folder.glob("*_S1.tif")):
        name = path.stem.removesuffix("_S1")
        masks = sorted(folder.glob(f"{name}_*water*.tif")) + sorted(folder.glob(f"{name}_*abel*.tif"))
        if masks:
            decibels = _read(path)
            levels = water.decibel_levels((10 ** (decibels / 10)).astype(np.float32))
            told = water.radar_water(levels)
            truth = _read(masks[0])
            found[name] = agreement(told.mask, truth == 1, told.valid & (truth >= 0))
    return found


def flood_tiles(folder: Path, side: int) -> list[Labelled]:
    """Scenes like `s1s2_spain_flood_2019` cut in tiles of `side` px: water bodies where the mask says so of a third.
    The mask is NDWI's, so that only the radar's descriptor is judged by what it has not seen."""
    found = []
    for path in sorted(folder.glob("*_S1.tif")):
        name = path.stem.removesuffix("_S1")
        masks, optical = sorted(folder.glob(f"{name}_*water*.tif")), folder / f"{name}_S2.tif"
        if not masks or not optical.is_file():
            continue
        water_, radar = _read(masks[0]) == 1, (10 ** (_read(path) / 10)).astype(np.float32)
        with rasterio.open(optical) as dataset:
            bands = [np.clip(dataset.read(POSITIONS[band]), 0, 65535).astype(np.uint16) for band in BANDS]
        for i in range(water_.shape[0] // side):
            for j in range(water_.shape[1] // side):
                cut = (slice(i * side, (i + 1) * side), slice(j * side, (j + 1) * side))
                labels = frozenset({"Water bodies"}) if water_[cut].mean() >= 1 / 3 else frozenset[str]()
                found.append(Labelled(name, labels, _describe([band[cut] for band in bands], 0, radar, cut, side)))
    return found


def lake_scenes(folder: Path) -> dict[str, dict[str, Any]]:
    """Scenes like `s2_boadella_gloria_2020`: two dates, each with hand-drawn water; what is scored is the water that
    the later one has and the earlier one has not."""
    images = sorted(path for path in folder.glob("*_????-??-??.tif"))
    labels = sorted(folder.glob("*_????-??-??_labels.geojson"))
    if len(images) < 2 or len(labels) < 2:
        return {}
    states, truths = [], []
    for image, label in ((images[0], labels[0]), (images[-1], labels[-1])):
        with rasterio.open(image) as dataset:
            green, infrared = (
                np.clip(dataset.read(POSITIONS[band]), 0, 65535).astype(np.uint16) for band in ("B03", "B08")
            )
            drawn = json.loads(label.read_text(encoding="utf-8"))["features"]
            polygons = [
                transform_geom("EPSG:4326", dataset.crs, feature["geometry"])
                for feature in drawn
                if feature["geometry"]["type"].endswith("Polygon")
            ]
            truths.append(~geometry_mask(polygons, dataset.shape, dataset.transform))
        states.append(water.optical_water(water.ndwi_levels(green, infrared, (0, 0))))
    new = water.new_optical_water(states[1], states[0])
    name = images[0].stem.rsplit("_", 1)[0]
    return {
        name: agreement(new.mask, truths[1] & ~truths[0], new.valid),
        f"{name}_water": agreement(states[1].mask, truths[1], states[1].valid),
    }


def agreement(told: Mask, truth: Mask, known: Mask) -> dict[str, float]:
    """Intersection over union, precision and recall where the truth and the image are known."""
    hits, said, true = (told & truth & known).sum(), (told & known).sum(), (truth & known).sum()
    return {
        "iou": round(float(hits / max(1, said + true - hits)), 4),
        "precision": round(float(hits / max(1, said)), 4),
        "recall": round(float(hits / max(1, true)), 4),
    }
