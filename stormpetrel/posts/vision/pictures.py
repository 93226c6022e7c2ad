"""Reads a photo's bytes within limits, so that no picture from outside can bring the process down."""

from __future__ import annotations

import base64
import binascii
import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import BadPicture

MAX_BYTES = 10_000_000
MAX_PIXELS = 50_000_000  # a photo of 50 megapixels takes 150 MB once it is decoded
MAX_SIDE = 512  # pixels; larger photos are scaled down to it
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
DATA_URL = re.compile(r"^data:image/[a-z.+-]+;base64,", re.IGNORECASE)

Picture = NDArray[np.uint8]


def read_picture(raw: bytes) -> Picture:
    """The picture as RGB, uint8, shape (height, width, 3), upright, its longest side at most 512 px.

    Raises BadPicture, which says what to send instead, where it is not a JPEG, PNG, WebP or GIF, is cut off, has more
    than 10 MB or more than 50 megapixels.
    """
    from PIL import Image, ImageOps

    if len(raw) > MAX_BYTES:
        raise BadPicture(f"it has {len(raw):,} bytes", f"Send at most {MAX_BYTES:,}")
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            width, height = image.size
            # Before anything is decoded, because a small file can hold a huge picture.
            if width * height > MAX_PIXELS:
                raise BadPicture(f"it has {width} x {height} pixels", f"Send at most {MAX_PIXELS // 10**6} megapixels")
            image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a JPEG is decoded at a reduced size
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((MAX_SIDE, MAX_SIDE))
            return np.asarray(_without_alpha(upright), dtype=np.uint8)
    except BadPicture:
        raise
    except Exception as error:  # Pillow raises errors of many kinds on broken files
        remedy = "Send a complete JPEG, PNG, WebP or GIF"
        raise BadPicture(f"it cannot be read ({type(error).__name__}: {error})", remedy) from error


def _without_alpha(image: Any) -> Any:
    from PIL import Image

    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    opaque = Image.new("RGB", image.size, "white")
    rgba = image.convert("RGBA")
    opaque.paste(rgba, mask=rgba.getchannel("A"))
    return opaque


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
