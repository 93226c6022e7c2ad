"""Geoparsing: recognises the place names in a post and resolves them to points."""
