"""A photo's file, read: what is kept of it, what the visual model sees of it, and where it says that it was taken.

What is kept is a new JPEG of the pixels, upright. So nothing else of the file goes on: no EXIF, no hidden data, nothing
that is a picture to one program and a script to another.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from stormpetrel.core.errors import BadPicture
from stormpetrel.posts.vision.pictures import MAX_SIDE, Picture, open_picture, upright_rgb

LARGEST_SIDE = 2_048  # pixels of what is kept
THUMBNAIL_SIDE = 320
QUALITY, SENT_QUALITY = 88, 85  # of the JPEGs that are kept, and of those that a source sends within a post
GPS = 0x8825  # the EXIF directory of the place


@dataclass(frozen=True)
class PhotoFile:
    """`hash` is the SHA-256 of the file, in hexadecimal; `width` and `height` (pixels) are those of the file, upright.
    `jpeg` and `thumbnail` are what is kept. `picture` is what the visual model sees. `place` is (longitude, latitude)
    in degrees (WGS 84), where the file has one."""

    hash: str
    width: int
    height: int
    jpeg: bytes
    thumbnail: bytes
    picture: Picture
    place: tuple[float, float] | None


def read_photo(raw: bytes) -> PhotoFile:
    """Raises BadPicture where it is not a JPEG, PNG, WebP or GIF, is cut off, or is larger than what is taken. Of an
    animation the first picture is read."""
    if b"<svg" in raw[:1_000].lower():
        raise BadPicture("it is an SVG, which is a program and no photo", "Send a JPEG, PNG, WebP or GIF")
    with open_picture(raw) as image:
        place = exif_place(image)
        width, height = image.size
        kept = upright_rgb(image, LARGEST_SIDE)
    if kept.width != kept.height and (kept.width > kept.height) != (width > height):
        width, height = height, width
    seen, thumbnail = kept.copy(), kept.copy()
    seen.thumbnail((MAX_SIDE, MAX_SIDE))
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return PhotoFile(
        hash=hashlib.sha256(raw).hexdigest(),
        width=width,
        height=height,
        jpeg=_jpeg(kept),
        thumbnail=_jpeg(thumbnail),
        picture=np.asarray(seen, dtype=np.uint8),
        place=place,
    )


def data_url_of(raw: bytes) -> str:
    """A photo as a `data:image/jpeg;base64,` URL, at most 512 px a side, with the file's place and nothing else of its
    EXIF. Raises BadPicture."""
    from PIL import Image

    with open_picture(raw) as image:
        place, seen = exif_place(image), upright_rgb(image, MAX_SIDE)
    exif = Image.Exif()
    if place is not None:
        longitude, latitude = place
        exif[GPS] = {
            1: "N" if latitude >= 0 else "S",
            2: (abs(latitude), 0.0, 0.0),
            3: "E" if longitude >= 0 else "W",
            4: (abs(longitude), 0.0, 0.0),
        }
    buffer = io.BytesIO()
    seen.save(buffer, "JPEG", quality=SENT_QUALITY, exif=exif)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def exif_place(image: Any) -> tuple[float, float] | None:
    """(longitude, latitude) in degrees (WGS 84) of an opened image's EXIF; None where it has none that can be: cameras
    without a fix write 0, 0."""
    try:
        fields = image.getexif().get_ifd(GPS)
        latitude = _degrees(fields[2]) * (-1 if str(fields.get(1, "N")).upper().startswith("S") else 1)
        longitude = _degrees(fields[4]) * (-1 if str(fields.get(3, "E")).upper().startswith("W") else 1)
    except Exception:  # Pillow raises errors of many kinds on broken EXIF, and a photo without a place is a photo
        return None
    is_place = math.isfinite(longitude + latitude) and abs(longitude) <= 180 and abs(latitude) <= 90
    if not is_place or (longitude, latitude) == (0.0, 0.0):
        return None
    return round(longitude, 6), round(latitude, 6)


def _degrees(parts: Any) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    return degrees + minutes / 60 + seconds / 3600


def _jpeg(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
