"""A scene whose every pixel's class is known, as described patches of all scale levels: a simulated analyst's data.

A folder of one holds `radar.tif` (linear backscatter, float32, NaN: none), `optical.tif` (digital numbers of B02, B03,
B04 and B08, uint16, 0: none; the offset in the tag `BOA_ADD_OFFSET`), `truth.tif` (class codes, uint8), all on one
10 m grid of a UTM zone, and `classes.json`: {label: {"codes": [..], "share": ..}}, with the share of a finest patch
that must be of these codes for the patch to have the label.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pydantic import TypeAdapter, ValidationError

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.analyst import Bools
from stormpetrel.imagery.patches import weber
from stormpetrel.imagery.patches.cutting import describe
from stormpetrel.imagery.patches.descriptors import BANDS
from stormpetrel.imagery.patches.geobox import SCALE_LEVELS
from stormpetrel.imagery.types import Strip

FILES = ("radar.tif", "optical.tif", "truth.tif", "classes.json")
OFFSET_TAG = "BOA_ADD_OFFSET"


@dataclass(frozen=True)
class LabelledClass:
    """What a label means on the ground: codes of the truth, and the share of a finest patch that they must cover."""

    codes: tuple[int, ...]
    share: float = 1 / 3


@dataclass(frozen=True)
class LabelledScene:
    """Images of whole patches of 480 px and the class of every pixel, uint8 (height, width)."""

    strip: Strip
    classes: NDArray[np.uint8]
    labels: Mapping[str, LabelledClass]
    offset: int


@dataclass(frozen=True)
class LabelledPatches:
    """The patches of a scale level (px): vectors by descriptor, truth by label, and the row of the coarser patch around
    each, or -1."""

    scale_level: int
    vectors: dict[str, NDArray[np.float32]]
    truth: dict[str, Bools]
    parents: NDArray[np.int64]


def scale_levels_of(scene: LabelledScene) -> list[LabelledPatches]:
    """The patches that both images cover, coarse to fine. A coarse patch has a label where a finest one in it has."""
    assert scene.strip.radar is not None
    epsilon = float(weber.epsilon_of(scene.strip.radar))
    finest = {label: patch_labels(scene.classes, SCALE_LEVELS[-1], rule) for label, rule in scene.labels.items()}
    levels: list[LabelledPatches] = []
    coarser: dict[tuple[int, int], int] = {}
    for scale_level in SCALE_LEVELS:
        described = describe(scene.strip, scale_level, epsilon, (scene.offset,) * len(BANDS))
        patches = sorted((patch for patch in described if patch.fused is not None), key=lambda patch: patch.index)
        if not patches:
            raise SetupError("no patch of the scene is covered by both of its images")
        places = np.array([patch.index for patch in patches])
        truth = {
            label: _coarsened(labels, scale_level // SCALE_LEVELS[-1])[places[:, 0], places[:, 1]]
            for label, labels in finest.items()
        }
        vectors = {name: np.stack([getattr(patch, name) for patch in patches]) for name in ("sar", "ms", "fused")}
        ratio = levels[-1].scale_level // scale_level if levels else 1
        parents = [coarser.get((row // ratio, column // ratio), -1) for row, column in places.tolist()]
        levels.append(LabelledPatches(scale_level, vectors, truth, np.array(parents, dtype=np.int64)))
        coarser = {patch.index: row for row, patch in enumerate(patches)}
    return levels


def patch_labels(classes: NDArray[np.uint8], scale_level: int, rule: LabelledClass) -> Bools:
    """Which patches of `scale_level` px have a label, shape (height / scale_level, width / scale_level)."""
    rows, columns = classes.shape[0] // scale_level, classes.shape[1] // scale_level
    blocks = classes.reshape(rows, scale_level, columns, scale_level)
    return np.asarray(np.isin(blocks, rule.codes).mean(axis=(1, 3)) >= rule.share, dtype=np.bool_)


def _coarsened(finest: Bools, step: int) -> Bools:
    rows, columns = finest.shape[0] // step, finest.shape[1] // step
    return np.asarray(finest.reshape(rows, step, columns, step).any(axis=(1, 3)), dtype=np.bool_)


def write_scene(scene: LabelledScene, folder: Path) -> None:
    """Writes the scene's folder; `classes.json` comes last."""
    assert scene.strip.radar is not None and scene.strip.optical is not None
    folder.mkdir(parents=True, exist_ok=True)
    geobox = scene.strip.geobox
    grid = {"width": geobox.width, "height": geobox.height, "crs": geobox.crs, "transform": geobox.transform}
    profile = {**grid, "driver": "GTiff", "tiled": True, "compress": "deflate", "num_threads": 2}
    rasters: dict[str, NDArray[Any]] = {
        "radar.tif": scene.strip.radar[None],
        "optical.tif": np.stack(scene.strip.optical),
        "truth.tif": scene.classes[None],
    }
    for name, bands in rasters.items():
        with rasterio.open(folder / name, "w", count=len(bands), dtype=bands.dtype, **profile) as opened:
            opened.write(bands)
            if name == "optical.tif":
                opened.update_tags(**{OFFSET_TAG: scene.offset})
    labels = {label: {"codes": rule.codes, "share": round(rule.share, 6)} for label, rule in scene.labels.items()}
    (folder / "classes.json").write_text(json.dumps(labels, indent=1) + "\n", encoding="utf-8")


def is_scene(folder: Path) -> bool:
    """Whether the folder holds a labelled scene's files."""
    return all((folder / name).is_file() for name in FILES)


def read_scene(folder: Path) -> LabelledScene:
    """The scene of a folder, cut to whole patches of 480 px. Raises SetupError where its files do not fit together."""
    file = folder / "classes.json"
    try:
        labels = TypeAdapter(dict[str, LabelledClass]).validate_json(file.read_bytes())
    except ValidationError as error:
        raise SetupError(f'{file} is not {{label: {{"codes": [..], "share": ..}}}}: {error!r}') from error
    (radar,), geobox, _ = _read(folder / "radar.tif", 1)
    optical, optical_geobox, tags = _read(folder / "optical.tif", len(BANDS))
    (classes,), class_geobox, _ = _read(folder / "truth.tif", 1)
    if not geobox == optical_geobox == class_geobox:
        raise SetupError(f"the rasters of {folder} are on different grids; write them on one")
    strip = Strip(geobox, radar.astype(np.float32), [band.astype(np.uint16) for band in optical])
    try:
        offset = int(tags.get(OFFSET_TAG, 0))
    except ValueError as error:
        message = f"{OFFSET_TAG} of {folder / 'optical.tif'} is not a whole number: {tags[OFFSET_TAG]!r}"
        raise SetupError(message) from error
    return LabelledScene(strip, classes.astype(np.uint8), labels, offset)


def _read(file: Path, count: int) -> tuple[Sequence[NDArray[Any]], GeoBox, dict[str, str]]:
    try:
        with rasterio.open(file) as opened:
            step, epsg = SCALE_LEVELS[0], opened.crs.to_epsg() if opened.crs else None
            height, width = (size // step * step for size in opened.shape)
            if opened.count != count or epsg is None or not height or not width:
                raise SetupError(
                    f"{file} has {opened.count} bands of {opened.shape[1]} x {opened.shape[0]} px, EPSG {epsg}; "
                    f"it needs {count} of at least {step} x {step} px, and a CRS"
                )
            geobox = GeoBox.from_rio(opened)[:height, :width]
            return list(opened.read(window=((0, height), (0, width)))), geobox, dict(opened.tags())
    except rasterio.errors.RasterioError as error:
        raise SetupError(f"{file} cannot be read: {error}") from error
