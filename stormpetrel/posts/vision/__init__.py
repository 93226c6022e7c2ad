"""What a photo shows: features to find photos alike, and scores over named concepts."""
