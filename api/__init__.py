"""The HTTP API: reads the views, never writes them."""
