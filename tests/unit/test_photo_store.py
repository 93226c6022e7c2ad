"""Photos in a folder: each once, whatever is killed when; gone when the last post that has it is."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stormpetrel.core.errors import SetupError
from stormpetrel.core.photo_settings import Photos
from stormpetrel.stores.photo_objects import PhotoObjects

WRITER = """
import hashlib, sys
from stormpetrel.core.photo_settings import Photos
from stormpetrel.stores.photo_objects import PhotoObjects
store = PhotoObjects.of(Photos(store=sys.argv[1]))
print("ready", flush=True)
for n in range(400):
    body = str(n % 40).encode() * 20_000
    store.put(f"x:{1000 + n % 80}", hashlib.sha256(body).hexdigest(), body, body[:500])
"""
BODIES = [str(n).encode() * 20_000 for n in range(40)]


def pictures(folder: Path) -> list[Path]:
    return sorted(file for file in (folder / "pictures").rglob("*") if file.is_file())


def test_no_kill_leaves_a_photo_twice_or_half(tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(6):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.0, 0.3))
        writer.kill()
        writer.wait()
        writer.stdout.close()
    done = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], check=True, capture_output=True)
    assert done.returncode == 0
    store = PhotoObjects.of(Photos(store=str(tmp_path)))
    for body in BODIES:
        assert store.get(hashlib.sha256(body).hexdigest(), "full") == body
        assert store.get(hashlib.sha256(body).hexdigest(), "thumbnail") == body[:500]
    assert len([file for file in pictures(tmp_path) if file.suffix == ".jpg"]) == 2 * len(BODIES)
    for n in range(80):
        assert store.forget(f"x:{1000 + n}") == [hashlib.sha256(BODIES[n % 40]).hexdigest()]
    assert list(tmp_path.rglob("*.jpg")) == []


def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match=r"photos\.store"):
        PhotoObjects.of(Photos(store=str(tmp_path / "file" / "photos")))
