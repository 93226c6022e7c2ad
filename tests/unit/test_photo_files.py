"""A photo's file: what is read of it, what is kept, and how it is known again."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stormpetrel.core.errors import BadPicture
from stormpetrel.demo.pictures import picture
from stormpetrel.posts.photos.perceptual_hash import MOST_BITS, bits_of, hash_vector, least_cosine, perceptual_hash
from stormpetrel.posts.photos.photo_file import LARGEST_SIDE, THUMBNAIL_SIDE, data_url_of, exif_place, read_photo
from stormpetrel.posts.vision.pictures import from_base64
from tests.unit.photo_server import photo_bytes

GENOA = {1: "N", 2: (44.0, 24.0, 25.2), 3: "E", 4: (8.0, 55.0, 48.0)}


def with_exif(gps: dict[int, Any], orientation: int = 1, size: tuple[int, int] = (300, 200)) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8825] = orientation, "a camera with a serial number", gps
    image = Image.new("RGB", size, (40, 90, 160))
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2, size[1] // 2), (200, 200, 190))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A small PNG that says it has so many pixels, all of one colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    row = b"\0" * (1 + width // 8)
    pixels = zlib.compress(row * min(height, 30_000), 9)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_the_place_is_read_and_nothing_of_the_file_is_kept() -> None:
    photo = read_photo(with_exif(GENOA))
    assert photo.place == pytest.approx((8.93, 44.407), abs=1e-4)
    for kept in (photo.jpeg, photo.thumbnail):
        assert b"Exif" not in kept and b"serial number" not in kept
        assert Image.open(io.BytesIO(kept)).getexif() == {}


@pytest.mark.parametrize(
    "gps",
    [
        {},
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
        {1: "N", 2: (95.0, 0.0, 0.0), 3: "E", 4: (8.0, 0.0, 0.0)},
        {2: (44.0, 0.0, 0.0)},
        {1: "N", 2: (44.0,), 3: "E", 4: (8.0,)},
    ],
)
def test_a_place_that_cannot_be_is_none(gps: dict[int, Any]) -> None:
    assert read_photo(with_exif(gps)).place is None


def test_south_and_west_are_negative() -> None:
    photo = read_photo(with_exif({1: "S", 2: (30.0, 3.0, 0.0), 3: "W", 4: (51.0, 12.0, 0.0)}))
    assert photo.place == pytest.approx((-51.2, -30.05))


def test_a_photo_is_kept_upright_and_no_larger_than_needed() -> None:
    photo = read_photo(with_exif({}, orientation=6, size=(3000, 1500)))
    assert (photo.width, photo.height) == (1500, 3000)
    kept, thumbnail = (Image.open(io.BytesIO(part)) for part in (photo.jpeg, photo.thumbnail))
    assert kept.size == (LARGEST_SIDE // 2, LARGEST_SIDE) and thumbnail.size == (THUMBNAIL_SIDE // 2, THUMBNAIL_SIDE)
    assert photo.picture.shape == (512, 256, 3)
    red, _, _ = kept.getpixel((kept.width - 50, 50))  # type: ignore[misc]
    assert red > 150  # the light corner, top left in the file, is top right now


def test_small_photos_are_seen_as_they_are() -> None:
    raw = photo_bytes()
    assert np.array_equal(read_photo(raw).picture, np.asarray(Image.open(io.BytesIO(raw))))


def test_a_png_that_unpacks_to_a_huge_picture_is_refused_before_it_does() -> None:
    raw = png_header(30_000, 30_000)
    assert len(raw) < 200_000
    with pytest.raises(BadPicture, match="megapixels"):
        read_photo(raw)


def test_an_svg_is_no_photo() -> None:
    with pytest.raises(BadPicture, match="SVG"):
        read_photo(b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>')


def test_of_an_animation_the_first_picture_is_read() -> None:
    frames = [Image.fromarray(picture("flood", 1)), Image.fromarray(picture("night", 1))]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=100)
    photo = read_photo(buffer.getvalue())
    assert photo.picture.mean() > 100  # the flood by day; the night is dark
    assert Image.open(io.BytesIO(photo.jpeg)).format == "JPEG"


def test_a_jpeg_of_many_scans_is_refused() -> None:
    raw = photo_bytes()
    with pytest.raises(BadPicture, match="scans"):
        read_photo(raw + b"\xff\xda\0\0" * 600)


@pytest.mark.parametrize("raw", [b"", b"GIF89a", photo_bytes()[:500], b"%PDF-1.7", b"\0" * 100])
def test_what_is_no_photo_is_refused_with_the_remedy(raw: bytes) -> None:
    with pytest.raises(BadPicture, match="Send"):
        read_photo(raw)


def test_a_photo_that_a_source_sends_within_a_post_keeps_its_place_alone() -> None:
    raw = from_base64(data_url_of(with_exif(GENOA, orientation=6)))
    assert read_photo(raw).place == pytest.approx((8.93, 44.407), abs=1e-4)
    image = Image.open(io.BytesIO(raw))
    assert b"serial number" not in raw and image.size == (200, 300) and exif_place(image) is not None
    assert exif_place(Image.open(io.BytesIO(from_base64(data_url_of(photo_bytes()))))) is None


def real_photos() -> list[Image.Image]:
    """Photos that come with the libraries of the project."""
    from skimage import data
    from sklearn.datasets import load_sample_images

    names = ("astronaut", "chelsea", "coffee", "rocket")
    return [Image.fromarray(getattr(data, name)()) for name in names] + [
        Image.fromarray(pixels) for pixels in load_sample_images().images
    ]


def again(image: Image.Image, scale: float = 1, quality: int = 85) -> str:
    buffer = io.BytesIO()
    image.resize((round(image.width * scale), round(image.height * scale))).save(buffer, "JPEG", quality=quality)
    found = perceptual_hash(read_photo(buffer.getvalue()).picture)
    assert found is not None
    return found


def test_a_photo_is_known_again_after_scaling_and_compression_and_no_other_is_taken_for_it() -> None:
    photos = real_photos()
    hashes = [again(photo) for photo in photos]
    for photo, first in zip(photos, hashes, strict=True):
        for scale, quality in ((0.3, 85), (1, 20), (0.5, 40)):
            assert bits_of(float(hash_vector(first) @ hash_vector(again(photo, scale, quality)))) <= MOST_BITS
    for n, first in enumerate(hashes):
        for second in hashes[n + 1 :]:
            assert bits_of(float(hash_vector(first) @ hash_vector(second))) > 2 * MOST_BITS


def test_a_picture_of_one_colour_has_no_hash() -> None:
    assert perceptual_hash(np.full((60, 90, 3), 120, dtype=np.uint8)) is None


def test_the_cosine_counts_the_bits() -> None:
    first = hash_vector("0123456789abcdef")
    for bits in range(65):
        flipped = hash_vector(f"{int('0123456789abcdef', 16) ^ ((1 << bits) - 1):016x}")
        cosine = float(np.float16(first) @ np.float16(flipped))
        assert bits_of(cosine) == bits and (cosine >= least_cosine()) == (bits <= MOST_BITS)
