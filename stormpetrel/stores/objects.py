"""Small files of products on S3 and the web: listed and fetched. Rasters stay there; GDAL reads parts of them."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import HTTPStore, S3Store

from stormpetrel.core.errors import BadProduct

LARGEST_FILE = 64_000_000  # bytes of one annotation
MOST_FILES = 20_000
RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
SUFFIXES = (".tiff", ".tif", ".jp2", ".xml")  # of rasters and annotations


class RemoteFiles:
    """Files on S3 and the web. `endpoint` is an S3 server other than Amazon's; keys come from the environment. `proxy`
    is the address of the egress proxy."""

    def __init__(self, endpoint: str | None, proxy: str) -> None:
        self._endpoint, self._proxy = endpoint, proxy

    def list_files(self, folder: str) -> dict[str, str]:
        """Name within the folder -> address of each raster and annotation. Raises BadProduct where it is empty."""
        parts = urlsplit(folder)
        prefix = parts.path.strip("/")
        addresses: dict[str, str] = {}
        try:
            for batch in obstore.list(self._s3(parts.netloc), prefix=prefix):
                for entry in batch:
                    path = str(entry["path"])
                    if path.lower().endswith(SUFFIXES):
                        addresses[path.removeprefix(f"{prefix}/")] = f"s3://{parts.netloc}/{path}"
                if len(addresses) > MOST_FILES:
                    raise BadProduct(f"{folder} holds more than {MOST_FILES} files; a product has some hundred")
        except (BaseError, OSError) as error:
            raise _unavailable(folder, error) from error
        if not addresses:
            raise BadProduct(f"{folder} has no files; is the product online, and the endpoint right?")
        return addresses

    def fetch(self, address: str, folder: Path) -> Path:
        """Copies a small file into a local folder: its path. Raises BadProduct where it is too large or missing."""
        parts = urlsplit(address)
        file = folder / parts.path.rsplit("/", 1)[-1]
        if file.exists():
            return file
        try:
            store = self._s3(parts.netloc) if parts.scheme == "s3" else self._web(f"{parts.scheme}://{parts.netloc}")
            response = obstore.get(store, parts.path.lstrip("/"))
            if response.meta["size"] > LARGEST_FILE:
                raise BadProduct(f"{address} has {response.meta['size']} bytes; annotations have at most 64 MB")
            content = bytes(response.bytes())
        except (BaseError, OSError) as error:
            raise _unavailable(address, error) from error
        folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_bytes(content)
        part.replace(file)
        return file

    def _s3(self, bucket: str) -> S3Store:
        if self._endpoint is None:
            return S3Store(bucket, client_options=self._options(), retry_config=RETRIES)
        server: Any = {"endpoint": self._endpoint, "region": "default", "virtual_hosted_style_request": False}
        options = self._options(allow_http=self._endpoint.startswith("http://"))
        return S3Store(bucket, **server, client_options=options, retry_config=RETRIES)

    def _web(self, server: str) -> HTTPStore:
        return HTTPStore.from_url(server, client_options=self._options(allow_http=True), retry_config=RETRIES)

    def _options(self, **more: bool) -> Any:
        return {"proxy_url": self._proxy, **more}


def _unavailable(address: str, error: Exception) -> BadProduct:
    # One archive that is down must not block the products of all others: a dead letter can be replayed.
    return BadProduct(
        f"{address} is not available: {str(error).splitlines()[0]}; replay it later with: "
        "stormpetrel dead replay products.announced"
    )


def point_gdal_to(endpoint: str | None, proxy: str) -> None:
    """Makes GDAL read through the egress proxy, and `s3://` addresses from this server; variables of S3 that the
    environment sets already stay."""
    if endpoint is not None:
        parts = urlsplit(endpoint)
        os.environ.setdefault("AWS_S3_ENDPOINT", parts.netloc)
        os.environ.setdefault("AWS_HTTPS", "YES" if parts.scheme == "https" else "NO")
        os.environ.setdefault("AWS_VIRTUAL_HOSTING", "FALSE")
    os.environ["GDAL_HTTP_PROXY"] = os.environ["GDAL_HTTPS_PROXY"] = proxy
    for name in ("NO_PROXY", "no_proxy"):  # curl would go around the proxy for these
        os.environ.pop(name, None)
    # A server that stops answering is an error, and not a consumer that waits for ever.
    os.environ.setdefault("GDAL_HTTP_TIMEOUT", "60")
    os.environ.setdefault("GDAL_HTTP_MAX_RETRY", "3")
    # Opening a file does not list its folder.
    os.environ.setdefault("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
