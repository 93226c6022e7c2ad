"""Cuts geo boxes into patches and describes each of them."""
