"""The code that loads, exports and runs CLIP models, on a tiny one that the test builds where torch is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.demo.pictures import SCENES, picture
from stormpetrel.models.model_store import model_directory
from stormpetrel.posts.vision.clip import ClipModel, ensure_clip, is_clip_cached
from stormpetrel.posts.vision.prompts import Prompts

pytestmark = pytest.mark.integration
CONCEPTS = {"flooded street": "a photo of a flooded street", "fire": "a photo of fire", "dog": "a photo of a dog"}
PROMPTS = Prompts(
    concepts=CONCEPTS, flood=("a photo of a flood",), other=("a photo of a street", "a photo of a meadow")
)
BUILDER = Path(__file__).with_name("tiny_clip.py")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, torch_python: Path) -> Path:
    """The folder of the tiny model, its pictures and what it sees; the exported model lies in `cache`."""
    folder = tmp_path_factory.mktemp("clip")
    (folder / "pictures").mkdir()
    for number, scene in enumerate(SCENES):
        Image.fromarray(picture(scene, number)).save(folder / "pictures" / f"{number}.png")
    done = subprocess.run([str(torch_python), str(BUILDER), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    ensure_clip(folder / "cache", _name(folder), PROMPTS, print, torch_python)
    return folder


def _name(folder: Path) -> str:
    return str(folder / "model")


def test_an_exported_clip_model_sees_what_the_model_itself_sees(tiny: Path) -> None:
    model = ClipModel(model_directory(tiny / "cache", _name(tiny)))
    pictures = [np.asarray(Image.open(file).convert("RGB")) for file in sorted((tiny / "pictures").iterdir())]
    features = model.extract(pictures)
    assert model.dimensions == 24 and model.version.startswith(_name(tiny) + "@")
    vectors = np.array([picture_features.vector for picture_features in features])
    # Resampling differs in the last bit of a pixel; the vectors must not show it.
    assert (vectors * np.load(tiny / "seen.npy")).sum(axis=1) == pytest.approx(1, abs=2e-3)
    assert model.manifest.logit_scale == pytest.approx(np.exp(2.6592), abs=1e-3), "as the tiny model begins"
    assert np.load(model_directory(tiny / "cache", _name(tiny)) / "prompts.npy").shape == (6, 24)
    for picture_features in features:
        assert picture_features.relevance is not None and 0 < picture_features.relevance < 1
        assert set(picture_features.concepts) <= set(CONCEPTS)
        assert sum(picture_features.concepts.values()) == pytest.approx(1, abs=0.05)


def test_other_prompts_ask_for_a_new_export(tiny: Path) -> None:
    longer = {**CONCEPTS, "my levee": "a photo of a levee"}
    assert is_clip_cached(tiny / "cache", _name(tiny), PROMPTS)
    assert not is_clip_cached(tiny / "cache", _name(tiny), PROMPTS.model_copy(update={"concepts": longer}))


def test_a_damaged_model_is_not_loaded(tiny: Path, tmp_path: Path) -> None:
    whole = model_directory(tiny / "cache", _name(tiny))
    for file in whole.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "prompts.npy").write_bytes(b"damaged")
    with pytest.raises(ModelUnavailable, match=r"prompts\.npy"):
        ClipModel(tmp_path)
