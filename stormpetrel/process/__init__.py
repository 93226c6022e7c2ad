"""What every process reports about itself: probes, metrics and its log."""
