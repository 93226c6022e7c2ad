"""Models on disk: the store that checks them, and the export that brings them in."""
