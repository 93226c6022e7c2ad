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
from stormpetrel.imagery.readers.locations import is_address
from stormpetrel.imagery.types import Scene
from stormpetrel.stores.egress_proxy import EgressProxy
from stormpetrel.stores.objects import RemoteFiles

RASTERS = (".tif", ".tiff", ".jp2")
CHUNK = 1 << 20
ATTEMPTS = 5
MOST_REDIRECTS = 5
TIMEOUT_S = 60.0


class Downloads:
    """Local copies of what GDAL cannot read remotely, at most `imagery.largest_download_gb` each. `imagery.token` is
    sent as a bearer token to `imagery.token_host` alone. All goes through the proxy."""

    def __init__(self, settings: Imagery, proxy: EgressProxy) -> None:
        self._folder, self._largest = settings.directory / "downloads", int(settings.largest_download_gb * 1e9)
        self._token, self._token_host = settings.token, settings.token_host
        self._proxy, self._gate = proxy, proxy.gate
        self._remote = RemoteFiles(settings.s3_endpoint, proxy.url)
        # No variable of the environment may lead around the proxy.
        self._client = httpx.Client(proxy=proxy.url, trust_env=False, timeout=TIMEOUT_S)

    def localise(self, scene: Scene) -> Scene:
        """The scene with local copies of what GDAL cannot read remotely. A reference image that must not or cannot be
        read is left out, with an entry in `problems`. Raises BadProduct."""
        self._proxy.ensure()
        changes: dict[str, Any] = {}
        for name in ("radar", "optical"):
            if (product := getattr(scene, name)) is not None:
                changes[name] = self._localise(product)
        problems = list(scene.problems)
        for name in ("radar_reference", "optical_reference"):
            if (product := getattr(scene, name)) is not None:
                try:
                    changes[name] = self._localise(product)
                except BadProduct as error:
                    changes[name] = None
                    problems.append(f"no new water against {product.product_name}: {error}")
        return replace(scene, **changes, problems=tuple(problems))

    def _localise(self, product: ProductAnnounced) -> ProductAnnounced:
        """The product with local copies of archives, and of the annotations of remote rasters."""
        self._gate.check(product)
        address = product.location or ""
        assets = product.assets
        if not assets and address.startswith("s3://") and not address.lower().endswith(RASTERS):
            assets = self._remote.list_files(address)
        if assets:
            folder = self._folder / product.product_name
            local = {
                name: str(self._remote.fetch(href, folder)) if _is_remote_annotation(href) else href
                for name, href in assets.items()
            }
            return product.model_copy(update={"assets": local})
        if not address.startswith(("http://", "https://")):
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
        ranged = {"Range": f"bytes={size}-"} if size else {}
        for _ in range(MOST_REDIRECTS):
            # Each host that a redirect names is looked at as the first one was, and gets a token of its own or none.
            self._gate.check_address(address)
            headers = {**ranged, **self._authorization(address)}
            with self._client.stream("GET", address, headers=headers) as response:
                if not response.has_redirect_location:
                    return self._receive(response, address, part, size)
                address = str(response.url.join(response.headers["Location"]))
        raise BadProduct(f"{address} comes after {MOST_REDIRECTS} redirects; where is the product?")

    def _authorization(self, address: str) -> dict[str, str]:
        parts = urlsplit(address)
        # In the clear only to a server of the operator's own.
        is_safe = parts.scheme == "https" or self._gate.is_private_allowed(str(parts.hostname), parts.port or 80)
        is_own = parts.netloc.lower() == self._token_host.lower()
        return (
            {"Authorization": f"Bearer {self._token.get_secret_value()}"} if self._token and is_own and is_safe else {}
        )

    def _receive(self, response: httpx.Response, address: str, part: Path, size: int) -> None:
        if response.status_code == 416:
            return  # the part is complete
        if response.status_code in (401, 403, 404, 410):
            raise BadProduct(
                f"{address} answers {response.status_code}; is the product online, and the token that of "
                f"imagery.token_host ({self._token_host})?"
            )
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
    return is_address(href) and urlsplit(href).path.lower().endswith(".xml")


def _hash(file: Path, algorithm: str) -> str | None:
    """The file's hash; None for an algorithm that Python lacks (BLAKE3)."""
    if algorithm not in hashlib.algorithms_available:
        return None
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, algorithm).hexdigest()
