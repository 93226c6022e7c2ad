"""Reads a photo's bytes within limits, so that no picture from outside can bring the process down."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import BadPicture

MAX_BYTES = 10_000_000
MAX_PIXELS = 50_000_000  # a photo of 50 megapixels takes 150 MB once it is decoded
MAX_SIDE = 512  # pixels; larger photos are scaled down to it
JPEG, SCAN = b"\xff\xd8", b"\xff\xda"  # the first bytes, and the marker of a scan, which goes over all pixels
MOST_SCANS = 500
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
DATA_URL = re.compile(r"^data:image/[a-z.+-]+;base64,", re.IGNORECASE)

Picture = NDArray[np.uint8]


def read_picture(raw: bytes) -> Picture:
    """The picture as RGB, uint8, shape (height, width, 3), upright, its longest side at most 512 px.

    Raises BadPicture as `open_picture` does.
    """
    with open_picture(raw) as image:
        return np.asarray(upright_rgb(image, MAX_SIDE), dtype=np.uint8)


@contextmanager
def open_picture(raw: bytes) -> Iterator[Any]:
    """The picture as a Pillow image that is not decoded yet.

    Raises BadPicture, which says what to send instead, where it is not a JPEG, PNG, WebP or GIF, is cut off, has more
    than 10 MB or more than 50 megapixels, or is made to take long; so does whatever fails within the block.
    """
    from PIL import Image

    if len(raw) > MAX_BYTES:
        raise BadPicture(f"it has {len(raw):,} bytes", f"Send at most {MAX_BYTES:,}")
    if raw.startswith(JPEG) and raw.count(SCAN) > MOST_SCANS:
        raise BadPicture(f"it is a JPEG of more than {MOST_SCANS} scans", "Send it with fewer")
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            width, height = image.size
            # Before anything is decoded, because a small file can hold a huge picture.
            if width * height > MAX_PIXELS:
                raise _too_many_pixels(f"{width} x {height} pixels")
            yield image
    except BadPicture:
        raise
    except Image.DecompressionBombError as error:  # Pillow looks at the size too, when it opens a file
        raise _too_many_pixels("too many pixels") from error
    except Exception as error:  # Pillow raises errors of many kinds on broken files
        remedy = "Send a complete JPEG, PNG, WebP or GIF"
        raise BadPicture(f"it cannot be read ({type(error).__name__}: {error})", remedy) from error


def upright_rgb(image: Any, side: int) -> Any:
    """An opened image decoded, upright by its EXIF, in RGB, its longest side at most `side` pixels."""
    from PIL import ImageOps

    image.draft("RGB", (side, side))  # a JPEG is decoded at a reduced size
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((side, side))
    return _without_alpha(upright)


def _too_many_pixels(size: str) -> BadPicture:
    return BadPicture(f"it has {size}", f"Send at most {MAX_PIXELS // 10**6} megapixels")


def _without_alpha(image: Any) -> Any:
    from PIL import Image

    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    opaque = Image.new("RGB", image.size, "white")
    rgba = image.convert("RGBA")
    opaque.paste(rgba, mask=rgba.getchannel("A"))
    return opaque


def is_data_url(url: str | None) -> bool:
    """Whether a URL is a picture itself."""
    return bool(url and DATA_URL.match(url))


def small_data_url(raw: bytes) -> str:
    """A picture's bytes as a `data:image/jpeg;base64,` URL of at most 512 px a side. Raises BadPicture."""
    return jpeg_data_url(read_picture(raw))


def jpeg_data_url(picture: Picture) -> str:
    """A picture as a `data:image/jpeg;base64,` URL."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def from_base64(text: str) -> bytes:
    """The bytes of a picture in base64, with or without `data:image/...;base64,` before it. Raises BadPicture."""
    try:
        return base64.b64decode(DATA_URL.sub("", text, count=1), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPicture(f"it is not base64 ({error})", "Send the file's bytes in base64") from error
