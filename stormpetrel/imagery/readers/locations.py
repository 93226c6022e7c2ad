"""The one gate in front of every reader of products (httpx, obstore, GDAL): which addresses and files may be opened.

A catalogue, a push or a file of notifications is not trusted. What it names is an `https://`, `http://` or `s3://`
address of an allowed host whose name resolves to public addresses. A path on this machine is read only where the
operator announced it here: by a watched folder or on the command line.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from stormpetrel.core.addresses import WEB_PORTS, is_public, names_host
from stormpetrel.core.errors import BadProduct

if TYPE_CHECKING:  # the egress proxy, a small process, does without
    from stormpetrel.core.events import ProductAnnounced
    from stormpetrel.core.settings import Imagery

LOCAL_SOURCES = ("folder", "files")  # of events that the operator announced on this machine
LONGEST_LOCATION = 2000  # characters
AMAZON = "*.amazonaws.com:443"
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\<>\"{}|^`]")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")


def is_address(location: str) -> bool:
    """Whether it is an address of any scheme but `file`, and no path."""
    return "://" in location and not location.startswith("file://")


def checked_address(address: str) -> SplitResult:
    """The parts of an `https://`, `http://` or `s3://` address. Raises BadProduct where it is anything else, or written
    in a way that two readers may understand differently."""
    if len(address) > LONGEST_LOCATION or _UNSAFE.search(address):
        raise BadProduct(f"{address[:80]!r} is no address: it is too long, or has characters that must be escaped")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadProduct(f"{address[:80]!r} is no address: {error}") from error
    if parts.scheme not in (*WEB_PORTS, "s3"):
        raise BadProduct(f"{address[:80]!r} is no address of a product; give https:// or s3://")
    if not host or "@" in parts.netloc or (parts.scheme == "s3" and (port or not _BUCKET.fullmatch(parts.netloc))):
        raise BadProduct(f"{address[:80]!r} needs a host (or a bucket), and no user or password in it")
    if ".." in unquote(parts.path).replace("\\", "/").split("/"):
        raise BadProduct(f"{address[:80]!r} climbs out of its folder")
    return parts


def announced_path(path: str, root: Path | None) -> Path:
    """The file that a file of notifications names, under the folder `root` that the operator gave.

    Raises BadProduct without a root (the notification came over the network), and where the path leaves it.
    """
    if root is None:
        raise BadProduct(
            f"it names a path on this machine ({path[:80]!r}), which only the operator may: "
            "stormpetrel sources announce FILE --root FOLDER"
        )
    if path.startswith("/vsi"):
        raise BadProduct(f"{path[:80]!r} is a virtual file of GDAL, and no path")
    file = (root / path.removeprefix("file://")).resolve()
    if not file.is_relative_to(root.resolve()):
        raise BadProduct(f"{path[:80]!r} leads out of {root}")
    return file


@dataclass(frozen=True)
class Gate:
    """`hosts` are names with or without a port (without: 80 and 443); `*.example.org` stands for all names below. Those
    in `private_hosts` may have private addresses. With `roots`, paths of products must lie below one of them."""

    hosts: tuple[str, ...]
    private_hosts: tuple[str, ...] = ()
    roots: tuple[Path, ...] = ()

    @classmethod
    def of(cls, settings: Imagery) -> Gate:
        """The gate of the settings. The operator's own S3 endpoint is allowed, wherever it is."""
        if settings.s3_endpoint is None:
            return cls((*settings.allowed_hosts, AMAZON), settings.private_hosts, settings.roots)
        parts = urlsplit(settings.s3_endpoint)
        endpoint = f"{parts.hostname}:{parts.port or WEB_PORTS.get(parts.scheme, 443)}"
        return cls(settings.allowed_hosts, (*settings.private_hosts, endpoint), settings.roots)

    def check(self, product: ProductAnnounced) -> None:
        """Raises BadProduct, with the remedy, where something that the product names must not be read."""
        for location in (*product.assets.values(), *([product.location] if product.location else [])):
            if is_address(location):
                self.check_address(location)
            else:
                self._check_path(location, product.source)

    def check_address(self, address: str) -> SplitResult:
        """The parts of an address that may be read now. Raises BadProduct. A bucket is one of the S3 endpoint."""
        parts = checked_address(address)
        if parts.scheme != "s3":
            self.resolve(str(parts.hostname), parts.port or WEB_PORTS[parts.scheme])
        return parts

    def is_private_allowed(self, host: str, port: int) -> bool:
        """Whether this is a server of the operator's own."""
        return names_host(self.private_hosts, host, port)

    def resolve(self, host: str, port: int) -> list[str]:
        """The IP addresses of an allowed host; connect to these and to no others, as the name may resolve to something
        else the next time (DNS rebinding). Raises BadProduct."""
        is_private_allowed = self.is_private_allowed(host, port)
        if not is_private_allowed and not names_host(self.hosts, host, port):
            raise BadProduct(f"{host}:{port} is not an allowed host; if you trust it, add it to imagery.allowed_hosts")
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise BadProduct(f"{host} has no address: {error}; replay the product when it has") from error
        addresses = [str(entry[4][0]) for entry in entries]
        for address in addresses:
            if not is_private_allowed and not is_public(address):
                raise BadProduct(
                    f"{host} resolves to {address}, which is not public; if it is a server of yours, add "
                    f"{host}:{port} to imagery.private_hosts"
                )
        return addresses

    def _check_path(self, location: str, source: str) -> None:
        if source not in LOCAL_SOURCES:
            raise BadProduct(
                f"source {source} names a path on this machine ({location[:80]!r}), which only the operator may: "
                "stormpetrel sources announce PATH, or a watched folder"
            )
        path = Path(location.removeprefix("file://"))
        if not path.is_absolute() or ".." in path.parts or location.startswith("/vsi"):
            raise BadProduct(f"{location[:80]!r} is no plain absolute path; announce the product again")
        resolved = path.resolve()
        if self.roots and not any(resolved.is_relative_to(root.resolve()) for root in self.roots):
            raise BadProduct(f"{resolved} lies in none of imagery.roots; add its folder there, or move it")
