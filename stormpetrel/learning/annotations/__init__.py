"""What people said: labels, annotations, consensus, and their exchange with other tools."""
