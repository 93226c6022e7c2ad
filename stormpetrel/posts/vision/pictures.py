"""Reads a photo's bytes, within limits: a picture from a stranger must not take the process down."""

from __future__ import annotations

import base64
import binascii
import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import BadPicture

MOST_BYTES = 10_000_000
MOST_PIXELS = 50_000_000  # a 50-megapixel photo takes 150 MB once it is decoded
LONGEST_SIDE = 512  # pixels; what is kept of any photo
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
DATA_URL = re.compile(r"^data:image/[a-z.+-]+;base64,", re.IGNORECASE)

Picture = NDArray[np.uint8]


def read_picture(raw: bytes) -> Picture:
    """The picture as RGB, uint8, shape (height, width, 3), upright, its longest side at most 512 px.

    Raises BadPicture, which says what is wrong and what to send: not a JPEG, PNG, WebP or GIF, cut off, more than
    10 MB or more than 50 megapixels.
    """
    from PIL import Image, ImageOps

    if len(raw) > MOST_BYTES:
        raise BadPicture(f"it has {len(raw):,} bytes", f"Send at most {MOST_BYTES:,}")
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as opened:
            width, height = opened.size
            # Before anything is decoded: a small file can hold a huge picture.
            if width * height > MOST_PIXELS:
                raise BadPicture(f"it has {width} x {height} pixels", f"Send at most {MOST_PIXELS // 10**6} megapixels")
            opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG is decoded no larger than it is needed
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            return np.asarray(_without_alpha(upright), dtype=np.uint8)
    except BadPicture:
        raise
    except Exception as error:  # what Pillow raises on broken files is of many kinds
        remedy = "Send a whole JPEG, PNG, WebP or GIF"
        raise BadPicture(f"it cannot be read ({type(error).__name__}: {error})", remedy) from error


def _without_alpha(opened: Any) -> Any:
    from PIL import Image

    if "A" not in opened.getbands() and "transparency" not in opened.info:
        return opened.convert("RGB")
    opaque = Image.new("RGB", opened.size, "white")
    rgba = opened.convert("RGBA")
    opaque.paste(rgba, mask=rgba.getchannel("A"))
    return opaque


def small_data_url(raw: bytes) -> str:
    """A picture's bytes as a `data:image/jpeg;base64,` URL of at most 512 px a side. Raises BadPicture."""
    return jpeg_data_url(read_picture(raw))


def jpeg_data_url(picture: Picture) -> str:
    """A picture as a `data:image/jpeg;base64,` URL."""
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(picture).save(written, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode()}"


def from_base64(text: str) -> bytes:
    """The bytes of a picture in base64, with or without `data:image/...;base64,` before it. Raises BadPicture."""
    try:
        return base64.b64decode(DATA_URL.sub("", text, count=1), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPicture(f"it is not base64 ({error})", "Send the file's bytes in base64") from error
