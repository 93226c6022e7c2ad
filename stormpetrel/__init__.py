"""Stormpetrel: event-driven retrieval of social posts and Sentinel imagery, nearly in real time."""

__version__ = "0.2.0"
