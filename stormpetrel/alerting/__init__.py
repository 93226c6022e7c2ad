"""Telling: which receiver is told of which incident, when, with what reason, and what is kept back and why."""
