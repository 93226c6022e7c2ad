"""Social posts: the networks' payloads, texts, places and photos, and the enrichment that brings them together."""
