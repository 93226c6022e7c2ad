"""Labels, annotations, consensus, and their exchange with other tools."""
