"""Sentinel scenes: catalogues, readers, pairing, registration, patches, water, and the events made of them."""
