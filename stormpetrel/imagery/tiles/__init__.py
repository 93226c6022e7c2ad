"""Map tiles of described scenes: layers, the matrix of tiles, drawing, and WMTS capabilities."""
