"""From a text to places on the map: finds names and resolves them."""
