"""Reads Sentinel-1 and Sentinel-2 products onto geo boxes."""
