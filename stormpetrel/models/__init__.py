"""Models on disk: the store that checks them, the export that brings them in, and the runtimes of their graphs."""
