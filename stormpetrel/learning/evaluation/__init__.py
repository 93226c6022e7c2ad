"""How good the model of a label is."""
