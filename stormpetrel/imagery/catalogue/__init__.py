"""Sentinel products in catalogues and folders, each form read as one event `ProductAnnounced`."""
