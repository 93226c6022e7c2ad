"""From a request to fused hits: one ranked list a modality, in one round trip to the index, then fusion."""
