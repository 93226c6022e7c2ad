"""What an event becomes in the stores: documents and points."""
