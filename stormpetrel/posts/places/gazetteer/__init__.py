"""The gazetteer: place names and the places that they may stand for, in memory-mapped files."""
