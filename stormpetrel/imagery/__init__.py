"""Sentinel scenes: what they are called, how they are read, registered, cut, described, and what water is new."""
