"""Products that GDAL cannot read where they lie: archives on the web are fetched, whole, resumed, checked and
bounded."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import Checksum, ProductAnnounced
from stormpetrel.core.settings import Imagery
from stormpetrel.imagery.pairing import Scene
from stormpetrel.stores.objects import RemoteFiles

RASTERS = (".tif", ".tiff", ".jp2")
CHUNK = 1 << 20
ATTEMPTS = 5
TIMEOUT_S = 60.0


class Downloads:
    """A folder of fetched files. `token` is sent as a bearer token."""

    def __init__(self, folder: Path, largest: int, token: str | None = None, remote: RemoteFiles | None = None) -> None:
        self._folder, self._largest, self._remote = folder, largest, remote or RemoteFiles(None)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @classmethod
    def of(cls, settings: Imagery) -> Downloads:
        most = int(settings.largest_download_gb * 1e9)
        return cls(settings.directory / "downloads", most, settings.token, RemoteFiles(settings.s3_endpoint))

    def brought_here(self, scene: Scene) -> Scene:
        """The scene with archives on the web replaced by files. Raises BadProduct, or StoreUnavailable where the
        network is at fault."""
        radar, optical, radar_before, optical_before = (
            self._here(product) if product is not None else None
            for product in (scene.radar, scene.optical, scene.radar_before, scene.optical_before)
        )
        return replace(scene, radar=radar, optical=optical, radar_before=radar_before, optical_before=optical_before)

    def _here(self, product: ProductAnnounced) -> ProductAnnounced:
        """The product with what GDAL does not read where it lies: archives, and the small files beside the rasters."""
        address = product.location or ""
        scheme = urlsplit(address).scheme
        assets = product.assets
        if not assets and scheme == "s3" and not address.lower().endswith(RASTERS):
            assets = self._remote.listed(address)
        if assets:
            folder = self._folder / product.product_name
            near = {
                name: str(self._remote.fetched(href, folder)) if _is_small(href) else href
                for name, href in assets.items()
            }
            return product.model_copy(update={"assets": near})
        if scheme not in ("http", "https"):
            return product
        if not urlsplit(address).path.lower().endswith(".zip") and "$value" not in address:
            return product  # a single raster: GDAL reads what it needs of it
        file = self.fetch(address, f"{product.product_name}.zip", product.checksum)
        return product.model_copy(update={"location": str(file)})

    def fetch(self, address: str, name: str, checksum: Checksum | None = None) -> Path:
        """The file, whole and checked; what is there already is not fetched again. A transfer that breaks off goes on
        where it stopped.

        Raises BadProduct where it is larger than allowed, is not there, does not hash as promised, or breaks off five
        times.
        """
        whole, part = self._folder / name, self._folder / f"{name}.part"
        if whole.exists():
            return whole
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
                f"{address} breaks off {ATTEMPTS} times: {problem}; what is here stays, and is gone on with by: "
                "stormpetrel dead replay products.announced"
            )
        if checksum is not None and (found := _hash(part, checksum.algorithm)) not in (None, checksum.value.lower()):
            part.unlink()
            raise BadProduct(f"{name} hashes to {found}, {checksum.value} was promised ({checksum.algorithm})")
        part.replace(whole)
        return whole

    def _transfer(self, address: str, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {**self._headers, **({"Range": f"bytes={have}-"} if have else {})}
        with httpx.stream("GET", address, headers=headers, timeout=TIMEOUT_S, follow_redirects=True) as reply:
            if reply.status_code == 416:
                return  # all of it is here
            if reply.status_code in (401, 403, 404, 410):
                raise BadProduct(f"{address} answers {reply.status_code}; is the product online, and the token set?")
            reply.raise_for_status()
            resumed = reply.status_code == 206
            have = have if resumed else 0
            total = have + int(reply.headers.get("Content-Length", 0))
            self._bounded(total, address)
            with part.open("ab" if resumed else "wb") as out:
                for chunk in reply.iter_bytes(CHUNK):
                    have += len(chunk)
                    self._bounded(have, address)
                    out.write(chunk)

    def _bounded(self, size: int, address: str) -> None:
        if size > self._largest:
            raise BadProduct(
                f"{address} has {size} bytes or more; imagery.largest_download_gb allows {self._largest / 1e9:g} GB"
            )


def _is_small(href: str) -> bool:
    return "://" in href and not href.startswith("file://") and urlsplit(href).path.lower().endswith(".xml")


def _hash(file: Path, algorithm: str) -> str | None:
    """The file's hash; None for an algorithm that Python does not bring (BLAKE3)."""
    if algorithm not in hashlib.algorithms_available:
        return None
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, algorithm).hexdigest()
