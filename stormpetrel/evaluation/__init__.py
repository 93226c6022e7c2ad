"""Measures the system on judged real data, with figures that a stranger can print again."""
