"""Toponym resolution: from a text with its place names to points."""
