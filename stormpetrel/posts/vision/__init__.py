"""Photos: visual features for similarity search, and scores of named concepts."""
