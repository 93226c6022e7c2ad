"""The image has what the wheels need; a machine without it says so at the start, and is not started for ever."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from stormpetrel.core.errors import SetupError
from stormpetrel.imagery.readers.gdal import require_gdal
from stormpetrel.local.stack import Part, Stack, this_python

ROOT = Path(__file__).resolve().parent.parent.parent
# Of libc6, libgcc-s1, libstdc++6 and zlib1g, which python:3.12-slim has.
IN_SLIM_IMAGE = {
    "linux-vdso.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libz.so.1",
}
PACKAGES = {"libexpat.so.1": "libexpat1", "libgomp.so.1": "libgomp1", "libgomp.so.1.0.0": "libgomp1"}
# numba takes another thread pool without the first; OpenVINO's plugin for GPUs, which we do not load, needs the second.
OPTIONAL = {"libtbb.so.12", "libOpenCL.so.1"}


def needed_libraries() -> set[str]:
    """Names of the shared libraries that the locked wheels need and do not bring."""
    names = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "locks" / "run.txt").read_text(encoding="utf-8"), re.MULTILINE)
    needed: set[str] = set()
    for name in names:
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue  # of another platform
        libraries = [file for file in files if re.search(r"\.so(\.|$)", file.name)]
        if not libraries:
            continue
        command = ["ldd", *(str(file.locate()) for file in libraries)]
        for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
            found = re.match(r"\s+(\S+\.so\S*)(?: => (not found|\S+))?", line)
            if found and "site-packages" not in (found[2] or ""):
                needed.add(found[1].rsplit("/", 1)[-1])
        needed -= {file.name for file in libraries}
    return needed


@pytest.mark.skipif(sys.platform != "linux", reason="ldd is Linux's")
def test_the_image_installs_what_the_wheels_need_beyond_the_slim_image() -> None:
    """Before: GDAL's libexpat was missing, and no product could be read."""
    last_stage = (ROOT / "Dockerfile").read_text(encoding="utf-8").split("FROM ")[-1]
    installed = re.search(r"apt-get install [^&]*", last_stage)
    needed = needed_libraries()
    assert "libexpat.so.1" in needed
    missing = needed - IN_SLIM_IMAGE - OPTIONAL
    assert missing <= PACKAGES.keys(), "name the Debian package of a library that is new"
    packages = {PACKAGES[name] for name in missing}
    assert installed, packages
    assert packages <= set(installed[0].split())


def test_gdal_is_here_with_all_formats() -> None:
    assert require_gdal().startswith("3.")


@pytest.mark.skipif(sys.platform != "linux", reason="the loader's variables are Linux's")
def test_without_a_library_the_scenes_consumer_ends_at_once_with_the_remedy(tmp_path: Path) -> None:
    """Before: it waited with its probe well, and died of the first product, again and again."""
    (tmp_path / "libexpat.so.1").touch()  # the loader finds this one first, and cannot load it
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    product = tmp_path / "S1A_IW_GRDH_1SDV_20251104T053500.tif"
    product.touch()
    for command in (("consume", "scenes"), ("sources", "announce", str(product)), ("doctor",)):
        done = subprocess.run(
            this_python(*command), env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == SetupError.exit_code, done.stderr
        assert "libexpat" in done.stderr
        assert "apt-get install libexpat1" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_supervisor_does_not_restart_what_cannot_run_here(tmp_path: Path) -> None:
    said: list[str] = []
    with Stack(tmp_path, said.append) as stack:
        for name, code in (("lacks", SetupError.exit_code), ("dies", 1)):
            command = [sys.executable, "-c", f"print('{name}: install libexpat1'); raise SystemExit({code})"]
            part = Part(name, command, lambda: True)
            stack.start(part)
            stack.processes[name].wait(20)
        assert stack.restart_dead() == ["dies"]
        stack.processes["dies"].wait(20)
        assert stack.restart_dead() == ["dies"]
    assert any("lacks cannot run here" in line and "install libexpat1" in line for line in said)
