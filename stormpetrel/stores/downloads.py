"""Downloads what GDAL cannot read remotely: archives on the web, resumed, verified and limited in size."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import Checksum, ProductAnnounced
from stormpetrel.core.settings import Imagery
from stormpetrel.imagery.types import Scene
from stormpetrel.stores.objects import RemoteFiles

RASTERS = (".tif", ".tiff", ".jp2")
CHUNK = 1 << 20
ATTEMPTS = 5
TIMEOUT_S = 60.0


class Downloads:
    """A folder of downloads of at most `largest` bytes each. `token` is sent as a bearer token."""

    def __init__(self, folder: Path, largest: int, token: str | None = None, remote: RemoteFiles | None = None) -> None:
        self._folder, self._largest, self._remote = folder, largest, remote or RemoteFiles(None)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @classmethod
    def of(cls, settings: Imagery) -> Downloads:
        largest = int(settings.largest_download_gb * 1e9)
        return cls(settings.directory / "downloads", largest, settings.token, RemoteFiles(settings.s3_endpoint))

    def localise(self, scene: Scene) -> Scene:
        """The scene with local copies of what GDAL cannot read remotely. Raises BadProduct."""
        names = ("radar", "optical", "radar_reference", "optical_reference")
        local: dict[str, Any] = {
            name: self._localise(product) for name in names if (product := getattr(scene, name)) is not None
        }
        return replace(scene, **local)

    def _localise(self, product: ProductAnnounced) -> ProductAnnounced:
        """The product with local copies of archives, and of the annotations of remote rasters."""
        address = product.location or ""
        scheme = urlsplit(address).scheme
        assets = product.assets
        if not assets and scheme == "s3" and not address.lower().endswith(RASTERS):
            assets = self._remote.list_files(address)
        if assets:
            folder = self._folder / product.product_name
            local = {
                name: str(self._remote.fetch(href, folder)) if _is_remote_annotation(href) else href
                for name, href in assets.items()
            }
            return product.model_copy(update={"assets": local})
        if scheme not in ("http", "https"):
            return product
        if not urlsplit(address).path.lower().endswith(".zip") and "$value" not in address:
            return product  # a single raster: GDAL reads the parts that it needs
        file = self.fetch(address, f"{product.product_name}.zip", product.checksum)
        return product.model_copy(update={"location": str(file)})

    def fetch(self, address: str, name: str, checksum: Checksum | None = None) -> Path:
        """Downloads a file, unless it is there already, and verifies it: its path. An interrupted transfer resumes.

        Raises BadProduct where the file is too large, missing, has another checksum, or breaks off five times.
        """
        file, part = self._folder / name, self._folder / f"{name}.part"
        if file.exists():
            return file
        self._folder.mkdir(parents=True, exist_ok=True)
        problem: Exception | None = None
        for _ in range(ATTEMPTS):
            try:
                self._transfer(address, part)
                break
            except httpx.HTTPError as error:
                problem = error
        else:
            raise BadProduct(
                f"{address} breaks off {ATTEMPTS} times: {problem}; resume it with: "
                "stormpetrel dead replay products.announced"
            )
        if checksum is not None and (digest := _hash(part, checksum.algorithm)) not in (None, checksum.value.lower()):
            part.unlink()
            raise BadProduct(f"{name} hashes to {digest}, {checksum.value} was promised ({checksum.algorithm})")
        part.replace(file)
        return file

    def _transfer(self, address: str, part: Path) -> None:
        size = part.stat().st_size if part.exists() else 0
        headers = {**self._headers, **({"Range": f"bytes={size}-"} if size else {})}
        with httpx.stream("GET", address, headers=headers, timeout=TIMEOUT_S, follow_redirects=True) as response:
            if response.status_code == 416:
                return  # the part is complete
            if response.status_code in (401, 403, 404, 410):
                raise BadProduct(f"{address} answers {response.status_code}; is the product online, and the token set?")
            response.raise_for_status()
            is_resumed = response.status_code == 206
            size = size if is_resumed else 0
            self._check_size(size + int(response.headers.get("Content-Length", 0)), address)
            with part.open("ab" if is_resumed else "wb") as out:
                for chunk in response.iter_bytes(CHUNK):
                    size += len(chunk)
                    self._check_size(size, address)
                    out.write(chunk)

    def _check_size(self, size: int, address: str) -> None:
        if size > self._largest:
            raise BadProduct(
                f"{address} has {size} bytes or more; imagery.largest_download_gb allows {self._largest / 1e9:g} GB"
            )


def _is_remote_annotation(href: str) -> bool:
    return "://" in href and not href.startswith("file://") and urlsplit(href).path.lower().endswith(".xml")


def _hash(file: Path, algorithm: str) -> str | None:
    """The file's hash; None for an algorithm that Python lacks (BLAKE3)."""
    if algorithm not in hashlib.algorithms_available:
        return None
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, algorithm).hexdigest()
