"""Connections to addresses that strangers name: to public ones alone, within a time and a size."""

from stormpetrel.connections.bounded_get import AllowedHosts, BoundedGet, Download
from stormpetrel.connections.checked_connections import CheckedBackend, Deadline

__all__ = ["AllowedHosts", "BoundedGet", "CheckedBackend", "Deadline", "Download"]
