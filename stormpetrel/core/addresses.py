"""Which addresses of the network are public, and which hosts a list of names means."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

WEB_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network, by what it stands for where it wraps another one.

    >>> is_public("1.1.1.1"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1"), is_public("169.254.169.254")
    (True, False, False, False)
    """
    ip: Address = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip.ipv4_mapped or ip.sixtofour
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def names_host(entries: Iterable[str], host: str, port: int) -> bool:
    """Whether one of the entries (`host` or `host:port`; without a port 80 and 443; `*.example.org` for all names
    below) means this host and port."""
    for entry in entries:
        name, _, only = entry.lower().rpartition(":") if re.search(r":\d+$", entry) else (entry.lower(), "", "")
        ports = (int(only),) if only else WEB_PORTS.values()
        if port in ports and fnmatchcase(host.lower().rstrip("."), name.strip("[]")):
            return True
    return False
