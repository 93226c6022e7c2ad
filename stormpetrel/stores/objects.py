"""Small files of products on S3 and the web: listed and read. Rasters stay where they are; GDAL reads parts of them."""

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

LARGEST = 64_000_000  # bytes of one annotation
MOST_FILES = 20_000
RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
WANTED = (".tiff", ".tif", ".jp2", ".xml")


class RemoteFiles:
    """`endpoint` is an S3 server other than Amazon's; keys come from the environment."""

    def __init__(self, endpoint: str | None) -> None:
        self._endpoint = endpoint

    def listed(self, folder: str) -> dict[str, str]:
        """Name within the folder -> address of each raster and annotation. Raises BadProduct where it is empty."""
        parts = urlsplit(folder)
        prefix = parts.path.strip("/")
        found: dict[str, str] = {}
        try:
            for batch in obstore.list(self._s3(parts.netloc), prefix=prefix):
                for entry in batch:
                    path = str(entry["path"])
                    if path.lower().endswith(WANTED):
                        found[path.removeprefix(f"{prefix}/")] = f"s3://{parts.netloc}/{path}"
                if len(found) > MOST_FILES:
                    raise BadProduct(f"{folder} holds more than {MOST_FILES} files; a product has some hundred")
        except (BaseError, OSError) as error:
            raise _told(folder, error) from error
        if not found:
            raise BadProduct(f"{folder} has no files; is the product online, and the endpoint right?")
        return found

    def fetched(self, address: str, folder: Path) -> Path:
        """A small file, in a folder of this machine. Raises BadProduct where it is too large or is not there."""
        parts = urlsplit(address)
        file = folder / parts.path.rsplit("/", 1)[-1]
        if file.exists():
            return file
        store: Any = (
            self._s3(parts.netloc)
            if parts.scheme == "s3"
            else HTTPStore.from_url(
                f"{parts.scheme}://{parts.netloc}", client_options={"allow_http": True}, retry_config=RETRIES
            )
        )
        try:
            found = obstore.get(store, parts.path.lstrip("/"))
            if found.meta["size"] > LARGEST:
                raise BadProduct(f"{address} has {found.meta['size']} bytes; annotations have at most 64 MB")
            content = bytes(found.bytes())
        except (BaseError, OSError) as error:
            raise _told(address, error) from error
        folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_bytes(content)
        part.replace(file)
        return file

    def _s3(self, bucket: str) -> S3Store:
        if self._endpoint is None:
            return S3Store(bucket, retry_config=RETRIES)
        http = self._endpoint.startswith("http://")
        return S3Store(
            bucket,
            endpoint=self._endpoint,
            region="default",
            virtual_hosted_style_request=False,
            client_options={"allow_http": http},
            retry_config=RETRIES,
        )


def _told(address: str, error: Exception) -> BadProduct:
    # One archive that is down must not hold up the products of all others: a dead letter can be sent again.
    return BadProduct(
        f"{address} is not to be had: {str(error).splitlines()[0]}; once it is there again: "
        "stormpetrel dead replay products.announced"
    )


def point_gdal_to(endpoint: str | None) -> None:
    """GDAL takes `s3://` addresses to the same server; what the environment says already stays."""
    if endpoint is not None:
        parts = urlsplit(endpoint)
        os.environ.setdefault("AWS_S3_ENDPOINT", parts.netloc)
        os.environ.setdefault("AWS_HTTPS", "YES" if parts.scheme == "https" else "NO")
        os.environ.setdefault("AWS_VIRTUAL_HOSTING", "FALSE")
    # A server that falls silent is an error, not a consumer that waits for ever.
    os.environ.setdefault("GDAL_HTTP_TIMEOUT", "60")
    os.environ.setdefault("GDAL_HTTP_MAX_RETRY", "3")
    # A product's folder is not listed for every file that is opened in it.
    os.environ.setdefault("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
