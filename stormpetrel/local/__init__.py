"""The local stack: a real broker and two embedded stores as child processes, for a laptop, a demo and tests."""
