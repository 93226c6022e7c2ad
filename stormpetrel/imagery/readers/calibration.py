"""The calibration and noise tables in a GRD product's annotation (ESA S1-RS-MDA-52-7440)."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.readers.files import ProductFiles
from stormpetrel.imagery.types import Float32


@dataclass(frozen=True)
class Table:
    """A table of an annotation: values at pixels of some lines; each line has its own pixels."""

    lines: NDArray[np.float64]
    pixels: list[NDArray[np.float64]]
    values: list[NDArray[np.float64]]

    def over(self, window: Window) -> Float32:
        """Linear between lines and pixels, constant beyond the outermost. Shape (height, width)."""
        columns = np.arange(window.col_off, window.col_off + window.width)
        rows = np.arange(window.row_off, window.row_off + window.height)
        grid = np.stack([np.interp(columns, *pair) for pair in zip(self.pixels, self.values, strict=True)])
        position = np.interp(rows, self.lines, np.arange(len(self.lines)))
        below = position.astype(int)
        above = np.minimum(below + 1, len(self.lines) - 1)
        share, grid = (position - below)[:, None].astype(np.float32), grid.astype(np.float32)
        return grid[below] * (1 - share) + grid[above] * share


def _numbers(text: str | None) -> NDArray[np.float64]:
    return np.array((text or "").split(), dtype=np.float64)


def _table(document: ElementTree.Element, tag: str, value: str) -> Table | None:
    vectors = sorted(document.iter(tag), key=lambda vector: int(vector.findtext("line", "0")))
    if not vectors:
        return None
    pixels = [_numbers(vector.findtext("pixel")) for vector in vectors]
    values = [_numbers(vector.findtext(value)) for vector in vectors]
    if any(len(p) != len(v) or not len(p) for p, v in zip(pixels, values, strict=True)):
        raise BadProduct(f"its {tag}s have different numbers of pixels and of {value}")
    return Table(np.array([int(vector.findtext("line", "0")) for vector in vectors], dtype=np.float64), pixels, values)


@dataclass(frozen=True)
class Calibration:
    """The tables that turn digital numbers into sigma nought."""

    sigma: Table
    noise: Table | None
    azimuth: list[tuple[int, int, int, int, NDArray[np.float64], NDArray[np.float64]]]

    @classmethod
    def read(cls, files: ProductFiles, polarisation: str) -> Calibration | None:
        """None where the product has no calibration annotation. Raises BadProduct where it is broken."""
        annotations = [name for name in files.matching(".xml") if f"-{polarisation.lower()}" in name.lower()]
        tables = [name for name in annotations if "calibration-" in name.lower()]
        noises = [name for name in annotations if "noise-" in name.lower()]
        if not tables:
            return None
        sigma = _table(files.xml(tables[0]), "calibrationVector", "sigmaNought")
        if sigma is None:
            raise BadProduct(f"{tables[0]} has no calibration vectors")
        if not noises:
            return cls(sigma, None, [])
        document = files.xml(noises[0])
        # Before IPF 2.90 there was one list, without an azimuth part.
        noise = _table(document, "noiseRangeVector", "noiseRangeLut") or _table(document, "noiseVector", "noiseLut")
        azimuth = []
        for block in document.iter("noiseAzimuthVector"):
            top, left, bottom, right = (
                int(block.findtext(name, "0"))
                for name in ("firstAzimuthLine", "firstRangeSample", "lastAzimuthLine", "lastRangeSample")
            )
            lines, factors = _numbers(block.findtext("line")), _numbers(block.findtext("noiseAzimuthLut"))
            azimuth.append((top, left, bottom, right, lines, factors))
        return cls(sigma, noise, azimuth)

    def noise_over(self, window: Window) -> Float32:
        """The thermal noise in DN^2, (height, width), or (1, 1) where the product has none."""
        if self.noise is None:
            return np.zeros((1, 1), dtype=np.float32)
        noise = self.noise.over(window)
        for top, left, bottom, right, lines, factors in self.azimuth:
            first, last = max(top - window.row_off, 0), min(bottom + 1 - window.row_off, window.height)
            start, end = max(left - window.col_off, 0), min(right + 1 - window.col_off, window.width)
            if first < last and start < end:
                along = np.interp(np.arange(first, last) + window.row_off, lines, factors).astype(np.float32)
                noise[first:last, start:end] *= along[:, None]
        return noise
