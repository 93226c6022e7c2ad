"""Photos of posts: read within limits, told apart by hashes, described by the visual model."""
