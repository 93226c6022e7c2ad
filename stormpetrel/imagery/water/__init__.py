"""Detects water and new water, and masks pixels that cannot be judged."""
