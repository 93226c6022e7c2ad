"""Active learning: rounds, the cascade, structured queries and the embedding cache."""
