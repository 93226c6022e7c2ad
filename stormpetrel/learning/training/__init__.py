"""Trains the model of a label from annotations."""
