"""Cuts pixel grids into patches and describes each of them."""
