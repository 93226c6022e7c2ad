"""What every part shares: events, topics, settings, errors, identifiers, cells, and the ports to the outside."""
