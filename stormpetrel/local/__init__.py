"""The local stack: a real broker and two embedded stores as child processes, for a laptop, the demo and tests."""
