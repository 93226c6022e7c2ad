"""Photos: limits on what is read, features without weights, concepts by colour."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from consumers.sources.files import with_photos
from stormpetrel.core.errors import BadPicture, ModelUnavailable, SetupError
from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.demo.pictures import SCENES, picture
from stormpetrel.posts.vision.clip import ClipModel
from stormpetrel.posts.vision.concepts import Concept, read_concepts, terms_of
from stormpetrel.posts.vision.descriptor import DIMENSIONS, Descriptor, colour_histogram, edge_histogram
from stormpetrel.posts.vision.model import DescriptorModel
from stormpetrel.posts.vision.pictures import from_base64, read_picture

CONCEPTS = CONFIG_DIRECTORY / "concepts.yaml"


def _bytes(file_format: str, mode: str = "RGB", size: tuple[int, int] = (90, 60)) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, file_format)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("file_format", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("PNG", "RGB"),
        ("PNG", "P"),
        ("PNG", "RGBA"),
        ("PNG", "1"),
        ("WEBP", "RGBA"),
        ("GIF", "P"),
    ],
)
def test_pictures_of_every_format_are_read_as_rgb(file_format: str, mode: str) -> None:
    pixels = read_picture(_bytes(file_format, mode))
    assert pixels.shape == (60, 90, 3) and pixels.dtype == np.uint8


def test_a_large_picture_is_scaled_down_and_turned_upright() -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (3000, 1500)).save(buffer, "JPEG", exif=exif)
    assert read_picture(buffer.getvalue()).shape == (512, 256, 3)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "cannot be read"),
        (b"no picture", "cannot be read"),
        (_bytes("PNG")[:60], "cannot be read"),
        (_bytes("BMP"), "cannot be read"),
        (b"\xff" * 10_000_001, "10,000,001 bytes"),
        (_bytes("PNG", "L", (9000, 9000)), "9000 x 9000 pixels"),
    ],
    ids=["empty", "text", "cut off", "another form", "many bytes", "many pixels"],
)
def test_a_file_that_is_no_picture_or_too_large_is_refused(raw: bytes, problem: str) -> None:
    with pytest.raises(BadPicture, match=problem) as refusal:
        read_picture(raw)
    assert refusal.value.remedy.startswith("Send ")


def test_base64_may_be_a_data_url() -> None:
    raw = _bytes("PNG")
    encoded = base64.b64encode(raw).decode()
    assert from_base64(encoded) == from_base64(f"data:image/png;base64,{encoded}") == raw
    with pytest.raises(BadPicture, match="base64"):
        from_base64("not base64!")


def test_the_descriptor_is_deterministic_and_groups_similar_pictures() -> None:
    pictures = [picture(scene, seed) for scene in SCENES for seed in range(6)]
    vectors = Descriptor().encode(pictures)
    assert vectors.shape == (18, DIMENSIONS) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.array_equal(vectors, Descriptor().encode(pictures))
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1)
    assert np.array_equal(similarity.argmax(axis=1) // 6, np.arange(18) // 6)


def test_histograms_count_colours_and_edges() -> None:
    red = np.zeros((64, 64, 3), dtype=np.uint8)
    red[..., 0] = 255
    colours = colour_histogram(red)
    assert colours[2] == 1 and colours.sum() == 1  # first hue, highest saturation
    assert edge_histogram(red).sum() == 0
    # Upright stripes whose edges fall inside the blocks: 8 px a block at this size.
    bright = ((np.arange(256) + 4) // 8 % 2 * 255)[None, :, None]
    stripes = np.broadcast_to(bright, (256, 256, 3)).astype(np.uint8)
    edges = edge_histogram(stripes).reshape(16, 5)
    assert (edges[:, 0] > 0.9).all() and edges[:, 1:].sum() == 0
    assert edge_histogram(np.zeros((1, 1, 3), dtype=np.uint8)).sum() == 0


def test_concepts_by_colour_tell_a_flood_from_a_meadow() -> None:
    model = DescriptorModel(read_concepts(CONCEPTS))
    flood, meadow, night = (features.concepts for features in model.extract([picture(scene, 3) for scene in SCENES]))
    assert "muddy flood water" in flood and "muddy flood water" not in meadow
    assert "vegetation" in meadow and "night" in night


def test_the_concept_list_has_345_concepts_with_the_flood_first() -> None:
    names = read_concepts(CONCEPTS).names
    assert len(names) >= 345 and "flood" in names[0]


@pytest.mark.parametrize("text", ["", "fire", "- fire\n- Fire", "- {name: fire, colour: {hue: [1, 2]}}", "- [a]"])
def test_a_broken_concept_list_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "concepts.yaml").write_text(text)
    with pytest.raises(SetupError, match=r"concepts\.yaml"):
        read_concepts(tmp_path / "concepts.yaml")


def test_a_concept_that_no_list_has_gets_an_index_too() -> None:
    terms = terms_of({"fire": 0.6, "my levee": 0.8, "nothing": 0.0})
    assert terms is not None and len(terms.indices) == 2
    assert sum(value**2 for value in terms.values) == pytest.approx(1, abs=1e-4)
    assert terms_of({}) is None
    assert Concept(name="my levee").colour is None


def test_a_missing_clip_model_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="model export"):
        ClipModel(tmp_path)


def test_a_replayed_file_inlines_the_photos_beside_it_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(_bytes("PNG"))
    (tmp_path / "secret.png").write_bytes(_bytes("PNG"))
    line = b'{"id": "1", "media": ["a.png", "../secret.png", "https://x.invalid/b.jpg", 7]}'
    inlined = with_photos(line, tmp_path / "in")
    assert inlined.startswith(b'{"id":"1","media":["data:image/jpeg;base64,')
    assert b'"../secret.png","https://x.invalid/b.jpg",7]' in inlined
    assert with_photos(b'{"media": broken', tmp_path) == b'{"media": broken'
