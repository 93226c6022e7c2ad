"""Servers on this machine that speak the networks' own protocols, and misbehave as networks do."""
