"""The places that a post names: found in the text, and put on the map."""
