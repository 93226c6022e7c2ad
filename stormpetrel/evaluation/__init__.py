"""Measures the system on labelled real data, with figures that a stranger can reproduce."""
