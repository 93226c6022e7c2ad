"""What every process tells about itself: probes, metrics and its log."""
