"""Social posts: payloads of the networks, texts, places, photos, and the enrichment that joins them."""
