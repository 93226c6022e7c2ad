"""A classification map of a scene: each patch's class, as GeoTIFF, GeoJSON and a picture with its legend."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from stormpetrel.imagery.patches.geobox import RESOLUTION, PatchFootprint, outlines_of

# Distinct for most people with colour vision deficiencies (Okabe and Ito 2008), then more of their kind.
COLOURS = bytes.fromhex("0072b2 e69f00 009e73 cc79a7 56b4e9 d55e00 f0e442 785ef0 787878 005a32 964b00 ffb0c4")
NONE = (235, 235, 235)
BLOCK, LINE = 8, 22  # px of a patch in the picture at least, and of a line of the legend


@dataclass(frozen=True)
class ClassMap:
    """Patches of one zone and scale level with their classes, (n,): an index into `labels`, -1 for none of them; and
    the classes' scores, (n,)."""

    labels: tuple[str, ...]
    footprints: tuple[PatchFootprint, ...]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]

    @property
    def colours(self) -> list[tuple[int, ...]]:
        """Of none of the labels, then of each label."""
        starts = (3 * n % len(COLOURS) for n in range(len(self.labels)))
        return [NONE, *(tuple(COLOURS[start : start + 3]) for start in starts)]

    def raster(self) -> tuple[NDArray[np.uint8], Affine]:
        """The classes with a pixel for each patch, north up: 0 is nodata, 1 is none of the labels, n + 2 is label n;
        and the transform in metres."""
        rows, columns = np.array([(footprint.row, footprint.column) for footprint in self.footprints]).T
        top, left, size = int(rows.max()), int(columns.min()), self.footprints[0].scale_level * RESOLUTION
        values = np.zeros((np.ptp(rows) + 1, np.ptp(columns) + 1), dtype=np.uint8)
        values[top - rows, columns - left] = self.classes + 2
        return values, Affine(size, 0, left * size, 0, -size, (top + 1) * size)

    def geotiff(self) -> bytes:
        """One band, uint8, with a colour table and the labels' names in its tags."""
        values, transform = self.raster()
        with MemoryFile() as file:
            with file.open(
                driver="GTiff",
                width=values.shape[1],
                height=values.shape[0],
                count=1,
                dtype="uint8",
                crs=CRS.from_epsg(self.footprints[0].epsg),
                transform=transform,
                nodata=0,
                compress="DEFLATE",
            ) as out:
                out.write(values, 1)
                out.write_colormap(1, {0: (0, 0, 0, 0)} | {n: (*rgb, 255) for n, rgb in enumerate(self.colours, 1)})
                out.update_tags(**{f"CLASS_{n + 2}": label for n, label in enumerate(self.labels)}, CLASS_1="none")
            return bytes(file.read())

    def geojson(self) -> dict[str, Any]:
        """A polygon for each patch, degrees; patches of none of the labels have `label` null."""
        features = []
        rows = zip(self.footprints, outlines_of(self.footprints), self.classes, self.scores, strict=True)
        for footprint, outline, index, score in rows:
            label = self.labels[index] if index >= 0 else None
            geometry = {"type": "Polygon", "coordinates": [[list(point) for point in outline.ring]]}
            properties = {"footprint": footprint.name, "label": label, "score": round(float(score), 6)}
            features.append({"type": "Feature", "geometry": geometry, "properties": properties})
        return {"type": "FeatureCollection", "features": features}

    def png(self, titles: Sequence[str]) -> bytes:
        """A picture with its legend below; `titles` are the labels' display names."""
        values, _ = self.raster()
        palette = np.array([(255, 255, 255), *self.colours], dtype=np.uint8)
        block = max(BLOCK, 640 // max(values.shape))
        picture = ImageOps.scale(Image.fromarray(palette[values], "RGB"), block, Image.Resampling.NEAREST)
        lines = list(zip(self.colours, ["none of these", *titles], strict=True))
        sheet = Image.new("RGB", (max(picture.width, 320), picture.height + LINE * len(lines) + 10), (255, 255, 255))
        sheet.paste(picture, (0, 0))
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
        counts = np.bincount(self.classes + 1, minlength=len(lines))
        for number, (fill, title) in enumerate(lines):
            top = picture.height + 6 + number * LINE
            draw.rectangle((6, top, 22, top + 14), fill=fill, outline=(80, 80, 80))
            draw.text((30, top - 1), f"{title}: {counts[number]}", fill=(20, 20, 20), font=font)
        out = io.BytesIO()
        sheet.save(out, "PNG")
        return out.getvalue()
