"""Faust processors: where a message meets state, a model or another message."""
