"""What is let through of a network that is not about crises: by words at the source, by relevance in the worker."""
