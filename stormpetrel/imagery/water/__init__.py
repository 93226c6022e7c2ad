"""Detects water and new water, and masks what cannot be judged."""
