"""Toponym recognition: finds the place names in a text."""
