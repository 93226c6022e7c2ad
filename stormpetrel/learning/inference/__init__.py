"""Scores new items with trained models."""
