"""Annotations of patches and posts, and the models that learn from them. Knows no broker and no store."""
